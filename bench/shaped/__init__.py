"""A site shaped like the PDFs that Common Crawl met, each hidden in one of the places that the web uses."""
