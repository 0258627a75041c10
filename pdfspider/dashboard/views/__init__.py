"""Pages: what each reads, and shows."""
