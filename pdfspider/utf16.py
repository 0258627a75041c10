"""UTF-16 without a byte order mark."""

from __future__ import annotations

from typing import Literal

SAMPLE_SIZE = 64
"""Bytes that are looked at: markup is ASCII, so every other one of them is NUL."""


def utf16_without_mark(body: bytes) -> Literal["utf-16-le", "utf-16-be"] | None:
    """Return the codec of text in UTF-16 that begins without a byte order mark; None for anything else."""
    sample = body[:SAMPLE_SIZE]
    if 0 not in sample or len(sample) < 4:
        return None
    first, second = sample[0::2], sample[1::2]
    if 0 not in first and _is_mostly_nul(second):
        return "utf-16-le"
    if 0 not in second and _is_mostly_nul(first):
        return "utf-16-be"
    return None


def _is_mostly_nul(sample: bytes) -> bool:
    return sample.count(0) * 4 >= len(sample) * 3
