"""Several worker processes for one command: ``pdfspider crawl --workers N``."""
