"""Have pamqp read whatever properties RabbitMQ delivers.

It raises an error for text that is not UTF-8, and for times that Python has not. One such message would end the
connection each time that it is delivered.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from pamqp import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    Decode = Callable[..., tuple[int, Any]]


def read_leniently() -> None:
    """Replace the decoders of pamqp that raise an error for what a client may send."""
    decode.METHODS["shortstr"] = short_text
    decode.METHODS["timestamp"] = _or_none(decode.timestamp, lambda _: 8)
    decode.METHODS["table"] = _or_none(decode.field_table, _table_size)


def short_text(value: bytes) -> tuple[int, str]:
    """Return the size of a short string, and its text, in which backslash escapes stand for what is not UTF-8."""
    end = value[0] + 1
    return end, value[1:end].decode("utf-8", "backslashreplace")


def _or_none(read: Decode, size: Callable[[bytes], int]) -> Decode:
    """Return a decoder that gives None for a value that cannot be read."""

    def lenient(value: bytes) -> tuple[int, Any]:
        try:
            return read(value)
        except (ValueError, OverflowError, OSError):
            return size(value), None

    return lenient


def _table_size(value: bytes) -> int:
    return int(struct.unpack_from(">I", value)[0]) + 4
