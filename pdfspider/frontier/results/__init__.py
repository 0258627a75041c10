"""What masters wait for: documents that were found, and results of jobs."""
