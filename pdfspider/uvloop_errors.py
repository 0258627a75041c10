"""Recognise errors of uvloop."""

from __future__ import annotations


def is_closed_handle(error: object) -> bool:
    """Return whether an error says that uvloop has closed the socket that was written to."""
    return isinstance(error, RuntimeError) and "handler is closed" in str(error)
