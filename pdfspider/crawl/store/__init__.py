"""Storing and recording documents."""
