"""Bodies of tasks that masters compress (``task_compression``), as in kombu/compression.py."""

from __future__ import annotations

from typing import Any

from pdfspider.exceptions import InvalidInput
from pdfspider.gateway.inbound.decompression import DECOMPRESSORS, decompressed

MIME_TYPES = {
    "application/x-gzip": "gzip",
    "application/x-bz2": "bzip2",
    "application/x-lzma": "xz",
    "application/zstd": "zstd",
}
"""The names in a task's headers; the first is kombu's for both gzip and zlib."""
KNOWN_TYPES = {mime: DECOMPRESSORS[name] for mime, name in MIME_TYPES.items() if name in DECOMPRESSORS}


def plain(body: bytes, compression: Any, limit: int) -> bytes:
    """Return a body without the compression that a task's headers name; ``limit`` is in bytes, 0 for none.

    Raises InvalidInput if the compression is unknown, or the body is damaged or too large.
    """
    if not isinstance(compression, str) or compression not in KNOWN_TYPES:
        raise InvalidInput(f"a task compressed as {compression!r}: {', '.join(KNOWN_TYPES)} are accepted")
    return decompressed(body, KNOWN_TYPES[compression](), compression, limit)
