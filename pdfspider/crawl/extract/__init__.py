"""Captures of responses and failures, and the links in them."""
