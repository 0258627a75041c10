"""Resume a document whose connection broke, if the rest provably belongs to it (RFC 9110, 13.1.5 and 14.4)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdfspider.crawl.fetch.client.transfer import Transfer

_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"').fullmatch
_RANGE = re.compile(r"bytes\s+(?:(\d{1,19})-(\d{1,19})|\*)\s*/\s*(\d{1,19}|\*)", re.IGNORECASE).fullmatch

PROGRESS_SIZE = 1024 * 1024
"""Bytes that a document has to grow by for its tries to be counted anew."""
MAX_PAUSE_S = 60.0


class ContentRange(NamedTuple):
    """A Content-Range: the first and last byte (None for no part, as in a 416) and the total size."""

    first: int | None
    last: int | None
    total: int | None

    @property
    def is_whole(self) -> bool:
        """Return whether the part is the whole document."""
        return self.first == 0 and self.last is not None and self.last + 1 == self.total


def part_of(headers: Mapping[str, str]) -> ContentRange | None:
    """Return the part that the headers declare, None if they declare none or an invalid one."""
    match = _RANGE(headers.get("Content-Range", "").strip())
    if match is None:
        return None
    first, last, total = (None if value in (None, "*") else int(value) for value in match.groups())
    fits = first is None or last is None or (first <= last and (total is None or last < total))
    return ContentRange(first, last, total) if fits else None


def says_parts(headers: Mapping[str, str]) -> bool:
    """Return whether the headers of a 206 say that it is one part, or several of them."""
    return "Content-Range" in headers or headers.get("Content-Type", "").strip().lower().startswith("multipart/")


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return the value for If-Range, None if nothing proves that the representation is the same.

    A Last-Modified is strong if the response was made at least a second later (RFC 9110, 8.8.2.2).
    """
    tag = headers.get("ETag", "")
    if _STRONG_TAG(tag):
        return tag
    modified = headers.get("Last-Modified", "")
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(modified)
    except (TypeError, ValueError, OverflowError):
        return None
    return modified if age.total_seconds() >= 1 else None


class RangeTries:
    """Counts tries in a row that brought little, and says how long to wait before each."""

    def __init__(self, allowed: int, pause: float) -> None:
        self._allowed, self._pause = allowed, pause
        self._used, self._most = 0, 0

    def next(self, size: int) -> float | None:
        """Return the pause before a further try, None if there is no further one.

        ``size`` is how many bytes of the document are there.
        """
        if size >= self._most + PROGRESS_SIZE:
            self._used, self._most = 0, size
        self._used += 1
        return None if self._used > self._allowed else min(self._pause * (2 ** (self._used - 1) - 1), MAX_PAUSE_S)


def total_of(response: Transfer) -> int | None:
    """Return the bytes of the whole body, None where that is nowhere said."""
    if response.status != 206:
        return response.length
    part = part_of(response.headers)
    return part.total if part and part.first == 0 else None
