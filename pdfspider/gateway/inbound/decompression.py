"""Decompress the bodies of messages, and read no more of them than a limit."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import brotli

from pdfspider.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

XZ_MEMORY_LIMIT = 128 << 20
"""Bytes that xz may use, whatever size of dictionary a body asks for."""
NO_LIMIT = 1 << 40


class Decompressor(Protocol):
    """A decompressor, as those of the standard library."""

    @property
    def eof(self) -> bool:
        """True once the end of the compressed data was read."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return the first bytes, about ``max_length`` at most."""


class TooLargeError(InvalidInput):
    """A body is larger than the limit when it is not compressed."""


class BrotliDecompressor:
    """Brotli with the interface of the standard library."""

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        """True once the end of the compressed data was read."""
        return bool(self._decompressor.is_finished())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return the first bytes, about ``max_length`` at most."""
        found = self._decompressor.process(data, output_buffer_limit=max_length)
        while len(found) < max_length and not self._decompressor.can_accept_more_data():
            found += self._decompressor.process(b"", output_buffer_limit=max_length)
        return bytes(found)


DECOMPRESSORS: dict[str, Callable[[], Decompressor]] = {
    "gzip": partial(zlib.decompressobj, zlib.MAX_WBITS | 32),
    "bzip2": bz2.BZ2Decompressor,
    "xz": partial(lzma.LZMADecompressor, memlimit=XZ_MEMORY_LIMIT),
    "br": BrotliDecompressor,
}
"""By name; "gzip" reads zlib too, and "zstd" is there if Python can read it."""
DECODE_ERRORS: tuple[type[Exception], ...] = (zlib.error, lzma.LZMAError, brotli.error, OSError, EOFError, ValueError)

try:
    _zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
except ImportError:
    pass
else:
    DECOMPRESSORS["zstd"] = _zstd.ZstdDecompressor
    DECODE_ERRORS = (*DECODE_ERRORS, _zstd.ZstdError)


def decompressed(body: bytes, decompressor: Decompressor, name: str, limit: int) -> bytes:
    """Return a body without its compression; ``limit`` is in bytes, 0 for none.

    Raises InvalidInput if the body is damaged or incomplete, and TooLargeError.
    """
    try:
        text = decompressor.decompress(body, limit + 1 if limit else NO_LIMIT)
    except DECODE_ERRORS as error:
        raise InvalidInput(f"not valid as {name}: {error}") from None
    if limit and len(text) > limit:
        raise TooLargeError(f"a message of more than {limit:,} bytes when it is not compressed")
    if not decompressor.eof:
        raise InvalidInput(f"not valid as {name}: it is incomplete")
    return text
