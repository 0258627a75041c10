"""Going on with a document whose connection broke: what proves that the rest belongs to what is there (RFC 9110, 13.1.5
and 14.4).
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"').fullmatch
_RANGE = re.compile(r"bytes\s+(?:(\d{1,19})-(\d{1,19})|\*)\s*/\s*(\d{1,19}|\*)", re.IGNORECASE).fullmatch
_DIGITS = re.compile(r"\d{1,19}").fullmatch

PROGRESS = 1024 * 1024
"""Bytes that a document has to grow by for its tries to be counted anew."""
LONGEST_PAUSE = 60.0


class Part(NamedTuple):
    """What a Content-Range says: the first and the last byte (None: no part, as in a 416) and the size of the whole."""

    first: int | None
    last: int | None
    total: int | None

    @property
    def is_whole(self) -> bool:
        return self.first == 0 and self.last is not None and self.last + 1 == self.total


def part_of(headers: Mapping[str, str]) -> Part | None:
    """The part that an answer says it is; None where it says nothing, or nothing that makes sense."""
    match = _RANGE(headers.get("Content-Range", "").strip())
    if match is None:
        return None
    first, last, total = (None if value in (None, "*") else int(value) for value in match.groups())
    fits = first is None or last is None or (first <= last and (total is None or last < total))
    return Part(first, last, total) if fits else None


def declared_length(headers: Mapping[str, str]) -> int | None:
    """The Content-Length in bytes, if there is one."""
    match = _DIGITS(headers.get("Content-Length", ""))
    return int(match[0]) if match else None


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """What If-Range may hold for the representation with these headers; None where nothing proves that it is the same.

    A Last-Modified is strong if the answer was made at least a second later (RFC 9110, 8.8.2.2).
    """
    tag = headers.get("ETag", "")
    if _STRONG_TAG(tag):
        return tag
    modified = headers.get("Last-Modified", "")
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(modified)
    except (TypeError, ValueError):
        return None
    return modified if age.total_seconds() >= 1 else None


class Tries:
    """Counts the tries in a row that brought little, and says how many seconds to wait before each."""

    def __init__(self, allowed: int, pause: float) -> None:
        self._allowed, self._pause = allowed, pause
        self._used, self._most = 0, 0

    def next(self, size: int) -> float | None:
        """The pause before a further try of a document of which ``size`` bytes are there; None: no more of them."""
        if size >= self._most + PROGRESS:
            self._used, self._most = 0, size
        self._used += 1
        return None if self._used > self._allowed else min(self._pause * (2 ** (self._used - 1) - 1), LONGEST_PAUSE)
