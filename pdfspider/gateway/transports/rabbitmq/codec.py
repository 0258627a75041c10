"""Have pamqp read whatever properties RabbitMQ delivers, and write them back as they came.

It raises an error for text that is not UTF-8, and for times that Python has not. One such message would end the
connection each time that it is delivered, and its master would never be answered.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from pamqp import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    Decode = Callable[..., tuple[int, Any]]

MAX_SHORTSTR_SIZE = 255
"""Bytes of a short string."""


def be_lenient() -> None:
    """Replace the functions of pamqp that raise an error for what a client may send."""
    decode.METHODS["shortstr"] = read_short
    decode.METHODS["timestamp"] = _or_none(decode.timestamp, lambda _: 8)
    decode.METHODS["table"] = _or_none(decode.field_table, _table_size)
    encode.METHODS["shortstr"] = write_short


def read_short(value: bytes) -> tuple[int, str]:
    """Return the size of a short string, and its text, in which surrogates stand for bytes that are not UTF-8."""
    end = value[0] + 1
    return end, value[1:end].decode("utf-8", "surrogateescape")


def write_short(value: str | bytes) -> bytes:
    """Return a short string from a text that ``read_short`` may have read; it is cut where it is too long."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return bytes([len(raw[:MAX_SHORTSTR_SIZE])]) + raw[:MAX_SHORTSTR_SIZE]


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
