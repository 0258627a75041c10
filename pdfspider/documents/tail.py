"""Judge by its last bytes and its size whether a PDF is whole.

HTTP alone cannot tell: a body that ends with its connection looks complete wherever it was cut.
"""

from __future__ import annotations

import re

TAIL_SIZE = 64 * 1024
"""Bytes at the end of a file that are searched for its end."""

# A marker that lost its last letters is met and read (https://github.com/py-pdf/pypdf/issues/2853): all else is there.
_MARKER = re.compile(rb"%%EOF|%%EO?[\s\0]*\Z")
_POINTER = b"startxref"
_BODY = re.compile(rb"\d\s+\d+\s+obj\b|\bendobj\b|\bendstream\b|\bxref\b")
_LINEARIZED = re.compile(rb"<<([^<>]*/Linearized\b[^<>]*)>>")
_LENGTH = re.compile(rb"/L\s+(\d{1,19})\b")

_SLACK = len(b"OF\r\n\r\n")
"""The bytes that a linearized file may lack: the marker's last letters and line ends."""


def judge(head: bytes, tail: bytes, size: int) -> str | None:
    """Return why the PDF of ``size`` bytes is not whole, None if it is.

    ``tail`` may be all of it: it is not copied. A linearized file declares its original length. A longer file is whole:
    it was updated, or something was put before or after it.
    """
    if not is_whole(tail):
        return "the end of the PDF is missing"
    length = linearized_length(head)
    if length is not None and size < length - _SLACK:
        return f"the PDF was linearized with {length} bytes, {size} came"
    return None


def is_whole(tail: bytes) -> bool:
    """Return whether ``tail`` (the last ``TAIL_SIZE`` bytes, or all) holds the end of a PDF.

    That is a last ``startxref``, then ``%%EOF``, and no more objects, which would belong to an update that was cut off.
    Other bytes may follow.
    """
    pointer = tail.rfind(_POINTER, max(len(tail) - TAIL_SIZE, 0))
    if pointer < 0:
        return False
    end = tail[pointer + len(_POINTER) :]
    return bool(_MARKER.search(end) and not _BODY.search(end))


def linearized_length(head: bytes) -> int | None:
    """Return the size in bytes that a linearized PDF declares in its first object, None for any other."""
    linearized = _LINEARIZED.search(head)
    length = linearized and _LENGTH.search(linearized[1])
    return int(length[1]) if length else None
