"""The inspection of documents by a worker."""
