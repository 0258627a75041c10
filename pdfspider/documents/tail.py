"""Judge by its last bytes and its size whether a PDF is whole.

HTTP alone cannot tell: a body that ends with its connection looks complete wherever it was cut.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TAIL_SIZE = 64 * 1024
"""Bytes at the end of a file that are searched for its end."""

# A marker that lost its last letters is met and read (https://github.com/py-pdf/pypdf/issues/2853): all else is there.
_MARKER = re.compile(rb"%%EOF|%%EO?[\s\0]*\Z")
_POINTER = b"startxref"
_BODY = re.compile(rb"\d\s+\d+\s+obj\b|\bendobj\b|\bendstream\b|\bxref\b")
_LINEARIZED = re.compile(rb"<<([^<>]*/Linearized\b[^<>]*)>>")
_LENGTH = re.compile(rb"/L\s+(\d{1,19})\b")

_OBJECT = re.compile(rb"\d\s+\d+\s+obj\b")
_XREF_STREAM = re.compile(rb"/Type\s*/XRef\b")

END_MISSING = "the end of the PDF is missing"
STEP_SIZE = 1024 * 1024
"""Bytes of a file that are searched at once for its end."""
OVERLAP_SIZE = 64
"""Bytes that two such pieces share: enough for all that is searched."""

_SLACK = len(b"OF\r\n\r\n")
"""The bytes that a linearized file may lack: the marker's last letters and line ends."""


def judge(head: bytes, tail: bytes, size: int) -> str | None:
    """Return why the PDF of ``size`` bytes is not whole, None if it is.

    ``tail`` may be all of it: it is not copied. A linearized file declares its original length. A longer file is whole:
    it was updated, or something was put before or after it.
    """
    return judge_end(head, size, whole=is_whole(tail))


def judge_end(head: bytes, size: int, *, whole: bool) -> str | None:
    """Return why a PDF is not whole of which it is known whether its end is there; None if it is."""
    if not whole:
        return END_MISSING
    length = linearized_length(head)
    if length is not None and size < length - _SLACK:
        return f"the PDF was linearized with {length} bytes, {size} came"
    return None


def is_whole(tail: bytes) -> bool:
    """Return whether ``tail`` (the last ``TAIL_SIZE`` bytes, or more) holds the end of a PDF.

    That is a last ``startxref``, then ``%%EOF``, and no more objects, which would belong to an update that was cut off.
    Other bytes may follow.
    """
    pointer = tail.rfind(_POINTER)
    return pointer >= 0 and _ends(tail[pointer + len(_POINTER) :])


def has_end(read: Callable[[int, int], bytes], size: int) -> bool:
    """Return whether a file has the end of a PDF, as ``is_whole``, however much follows it.

    ``read`` gives the bytes at an offset. The file is searched backwards, a piece at a time.
    """
    end, after = size, b""
    while end > 0:
        start = max(end - STEP_SIZE, 0)
        piece = read(start, end - start) + after[:OVERLAP_SIZE]
        pointer = piece.rfind(_POINTER)
        if pointer >= 0:
            return _ends(piece[pointer + len(_POINTER) :])
        if _BODY.search(piece):
            return False
        end, after = start, piece
    return False


def has_trailer(tail: bytes) -> bool:
    """Return whether ``tail`` holds the trailer of a PDF behind its last object, or as its last object.

    That is enough for readers where the end is written in an unusual way, or not at all.
    """
    tail = tail[-TAIL_SIZE:]
    last = max(tail.rfind(b"endobj"), 0)
    if _OBJECT.search(tail, last):
        return False
    trailer = tail.rfind(b"trailer", last)
    if trailer >= 0:
        return tail.rfind(b">>") > tail.find(b"/Root", trailer) >= 0
    begun = max((match.start() for match in _OBJECT.finditer(tail, 0, last)), default=-1)
    stream = tail[begun:last] if begun >= 0 else b""
    return bool(_XREF_STREAM.search(stream) and stream.rstrip().endswith(b"endstream"))


def _ends(rest: bytes) -> bool:
    return bool(_MARKER.search(rest) and not _BODY.search(rest))


def linearized_length(head: bytes) -> int | None:
    """Return the size in bytes that a linearized PDF declares in its first object, None for any other."""
    linearized = _LINEARIZED.search(head)
    length = linearized and _LENGTH.search(linearized[1])
    return int(length[1]) if length else None
