"""The header ``Content-Encoding`` of requests."""

from __future__ import annotations

import zlib

from aiohttp import hdrs, web

from pdfspider.exceptions import InvalidInput
from pdfspider.gateway.inbound.decompression import DECOMPRESSORS, Decompressor, TooLargeError, decompressed

ENCODINGS = ("identity", "deflate", *sorted({"gzip", "br", "zstd"} & set(DECOMPRESSORS)))
ZLIB_METHOD = 8
"""The low half of the first byte of zlib, in which ``deflate`` is wrapped; some clients leave that out."""


def content_encoding(request: web.Request) -> str:
    """Return how the body of a request is encoded.

    Raises web.HTTPUnsupportedMediaType.
    """
    name = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower().removeprefix("x-") or "identity"
    if name not in ENCODINGS:
        raise web.HTTPUnsupportedMediaType(reason=f"expected a Content-Encoding of {', '.join(ENCODINGS)}")
    return name


def decode(body: bytes, name: str, limit: int) -> bytes:
    """Return a body as it was before it was encoded; ``limit`` is in bytes, 0 for none.

    Raises InvalidInput for a body that is encoded otherwise, and web.HTTPRequestEntityTooLarge.
    """
    if name == "identity" or not body:
        return body
    try:
        return decompressed(body, _decompressor(name, body), name, limit)
    except TooLargeError as error:
        raise web.HTTPRequestEntityTooLarge(limit, limit + 1, reason=str(error)) from None
    except InvalidInput as error:
        raise InvalidInput(f"the body is not encoded as Content-Encoding says: {error}") from None


def _decompressor(name: str, body: bytes) -> Decompressor:
    if name == "deflate" and body[0] & 15 != ZLIB_METHOD:
        return zlib.decompressobj(-zlib.MAX_WBITS)
    return DECOMPRESSORS["gzip" if name == "deflate" else name]()
