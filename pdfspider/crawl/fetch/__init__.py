"""Sending requests, following redirects, and reading responses."""
