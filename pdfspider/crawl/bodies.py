"""Bodies as they arrive: chunks that keep coming, decoded within bounds."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Protocol

import brotli

from pdfspider.crawl.errors import FetchError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import StreamReader

FREE_INFLATION = 16 * 1024 * 1024
STEP = 256 * 1024


async def arriving(content: StreamReader, *, idle_timeout: float, minimum_rate: float) -> AsyncIterator[bytes]:
    """The chunks of a body. Raises FetchError where none comes for ``idle_timeout`` seconds, or where they come at
    less than ``minimum_rate`` bytes a second over an interval of that length.
    """
    clock = asyncio.get_running_loop().time
    since, received = clock(), 0
    while chunk := await _next(content, idle_timeout):
        yield chunk
        received += len(chunk)
        elapsed = clock() - since
        if elapsed >= idle_timeout:
            if received < minimum_rate * elapsed:
                raise FetchError(Outcome.TIMEOUT, f"only {received} bytes in {elapsed:.0f} s")
            since, received = clock(), 0


async def _next(content: StreamReader, idle_timeout: float) -> bytes:
    try:
        return await content.readany()
    except TimeoutError:
        raise FetchError(Outcome.TIMEOUT, f"no byte for {idle_timeout:g} s") from None


class Decoder(Protocol):
    """Undoes one content encoding, a bounded step at a time."""

    def feed(self, data: bytes) -> None: ...
    def take(self, limit: int) -> bytes:
        """Up to about ``limit`` decoded bytes; empty when more has to be fed."""


class _Inflate:
    """gzip, zlib, and raw deflate, which some servers send as "deflate"."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        self._rest += data

    def take(self, limit: int) -> bytes:
        if not self._rest:
            return b""
        try:
            decoded = self._inflate.decompress(self._rest, limit)
        except zlib.error:
            if self._begun:
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            decoded = self._inflate.decompress(self._rest, limit)
        self._begun = True
        self._rest = self._inflate.unconsumed_tail
        if self._inflate.eof and self._inflate.unused_data:
            self._rest, self._inflate = self._inflate.unused_data, zlib.decompressobj(zlib.MAX_WBITS | 32)
        return decoded


class _Brotli:
    def __init__(self) -> None:
        self._decompress = brotli.Decompressor()
        self._rest = b""

    def feed(self, data: bytes) -> None:
        self._rest += data

    def take(self, limit: int) -> bytes:
        data, self._rest = self._rest, b""
        if not data and self._decompress.can_accept_more_data():
            return b""
        return bytes(self._decompress.process(data, output_buffer_limit=limit))


DECODERS = {"gzip": _Inflate, "x-gzip": _Inflate, "deflate": _Inflate, "br": _Brotli}


async def decoded(chunks: AsyncIterator[bytes], encoding: str, *, max_inflation: int) -> AsyncIterator[bytes]:
    """The chunks without their content encoding. Raises FetchError for an encoding that is unknown or broken, and for a
    body that grows beyond ``max_inflation`` times what was received.
    """
    if encoding not in DECODERS:
        raise FetchError(Outcome.BAD_ENCODING, f"content encoding {encoding!r} is not known")
    decoder: Decoder = DECODERS[encoding]()
    received = grown = 0
    async for chunk in chunks:
        received += len(chunk)
        decoder.feed(chunk)
        while piece := _take(decoder, encoding):
            grown += len(piece)
            if grown > max(FREE_INFLATION, received * max_inflation):
                raise FetchError(Outcome.BAD_ENCODING, f"{received} bytes of {encoding} grew to more than {grown}")
            yield piece


def _take(decoder: Decoder, encoding: str) -> bytes:
    try:
        return decoder.take(STEP)
    except (zlib.error, brotli.error) as error:
        raise FetchError(Outcome.BAD_ENCODING, f"broken {encoding}: {error}") from error
