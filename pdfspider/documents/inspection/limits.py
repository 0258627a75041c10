"""The limits and options of one inspection."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20
LEAST_MEMORY = 256 * MEBIBYTE
"""With less the process itself may not start."""
MAX_MAPPED = 64 * MEBIBYTE
"""Documents up to this size are mapped into memory, beside what may be used; larger ones are read by a slower way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionLimits:
    """Limits in seconds and bytes, sent to the process as JSON."""

    timeout: float = 30.0
    """Seconds of wall-clock time for one document."""
    memory: int = 1024 * MEBIBYTE
    """Address space of the process."""
    documents: int = 200
    """Documents after which the process is replaced."""
    text: bool = False
    """True to return the first page's text."""
    links: bool = False
    """True to return the URIs of annotations."""
    thumbnail: bool = False
    """True to return a PNG of the first page."""
