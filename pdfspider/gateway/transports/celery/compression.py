"""Bodies of tasks that masters compress (``task_compression``), as in kombu/compression.py."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from pdfspider.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

XZ_MEMORY_LIMIT = 128 << 20
"""Bytes that xz may use, whatever size of dictionary a body asks for."""
NO_LIMIT = 1 << 40


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "application/x-gzip": partial(zlib.decompressobj, zlib.MAX_WBITS | 32),
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": partial(lzma.LZMADecompressor, memlimit=XZ_MEMORY_LIMIT),
}
"""By the name in a task's headers; the first is kombu's for both gzip and zlib."""
DECOMPRESSION_ERRORS: tuple[type[Exception], ...] = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)

try:
    _zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
except ImportError:  # kombu cannot read it either
    pass
else:
    DECOMPRESSORS["application/zstd"] = _zstd.ZstdDecompressor
    DECOMPRESSION_ERRORS = (*DECOMPRESSION_ERRORS, _zstd.ZstdError)


def plain(body: bytes, compression: Any, limit: int) -> bytes:
    """Return a body without the compression that a task's headers name; ``limit`` is in bytes, 0 for none.

    Raises InvalidInput if the compression is unknown, or the body is damaged or too large.
    """
    if not isinstance(compression, str) or compression not in DECOMPRESSORS:
        raise InvalidInput(f"a task compressed as {compression!r}: {', '.join(DECOMPRESSORS)} are accepted")
    decompressor = DECOMPRESSORS[compression]()
    try:
        text = decompressor.decompress(body, limit + 1 if limit else NO_LIMIT)
    except DECOMPRESSION_ERRORS as error:
        raise InvalidInput(f"not valid as {compression}: {error}") from None
    if limit and len(text) > limit:
        raise InvalidInput(f"a task of more than {limit:,} bytes when it is not compressed")
    if not decompressor.eof:
        raise InvalidInput(f"not valid as {compression}: it is incomplete")
    return text
