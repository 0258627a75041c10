"""Discovery: where links to PDFs hide, and what a URL is."""
