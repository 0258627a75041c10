"""What one inspection may take, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20
LEAST_MEMORY = 256 * MEBIBYTE
"""With less the process itself may not start."""
MAPPED = 64 * MEBIBYTE
"""Documents up to this size are mapped into memory, beside what may be used; larger ones are read by a slower way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds, sizes in bytes. Sent to the process as JSON."""

    timeout: float = 30.0
    """For one document, by the clock."""
    memory: int = 1024 * MEBIBYTE
    """Address space of the process."""
    documents: int = 200
    """After so many the process is replaced."""
    text: bool = False
    """Whether the first page's text is wanted."""
    links: bool = False
    """Whether the URIs that annotations lead to are wanted."""
    thumbnail: bool = False
    """Whether a PNG of the first page is wanted."""
