"""Policies: robots.txt, limits on pages, retries, and conditional requests."""
