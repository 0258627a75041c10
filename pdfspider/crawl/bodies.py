"""Bodies as they arrive: chunks that keep coming, decoded within bounds."""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Protocol

import brotli

from pdfspider.crawl.errors import FetchError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import StreamReader

FREE_INFLATION = 16 * 1024 * 1024
STEP = 256 * 1024


class Chunks(Protocol):
    """A body that comes in pieces; b"" is its end."""

    async def next(self) -> bytes: ...


class Arriving:
    """The chunks of a body as they are received.

    Raises FetchError where none comes for ``idle_timeout`` seconds, or where they come at less than ``minimum_rate``
    bytes a second over an interval of that length.
    """

    def __init__(self, content: StreamReader, *, idle_timeout: float, minimum_rate: float) -> None:
        self._content, self._idle_timeout, self._minimum_rate = content, idle_timeout, minimum_rate
        self._since, self._received = time.monotonic(), 0

    async def next(self) -> bytes:
        try:
            chunk = await self._content.readany()
        except TimeoutError:
            raise FetchError(Outcome.TIMEOUT, f"no byte for {self._idle_timeout:g} s") from None
        self._received += len(chunk)
        if (now := time.monotonic()) - self._since >= self._idle_timeout:
            self._check_rate(now)
        return chunk

    def _check_rate(self, now: float) -> None:
        elapsed = now - self._since
        if self._received < self._minimum_rate * elapsed:
            raise FetchError(Outcome.TIMEOUT, f"only {self._received} bytes in {elapsed:.0f} s")
        self._since, self._received = now, 0


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


DECODERS: dict[str, Callable[[], Decoder]] = {"gzip": _Inflate, "x-gzip": _Inflate, "deflate": _Inflate, "br": _Brotli}


class Decoded:
    """The chunks without their content encoding.

    Raises FetchError for an encoding that is unknown or broken, and for a body that grows beyond ``max_inflation``
    times what was received.
    """

    def __init__(self, chunks: Chunks, encoding: str, *, max_inflation: int) -> None:
        if encoding not in DECODERS:
            raise FetchError(Outcome.BAD_ENCODING, f"content encoding {encoding!r} is not known")
        self._decoder: Decoder = DECODERS[encoding]()
        self._chunks, self._encoding, self._max_inflation = chunks, encoding, max_inflation
        self._received = self._grown = 0

    async def next(self) -> bytes:
        while not (piece := self._take()):
            chunk = await self._chunks.next()
            if not chunk:
                return b""
            self._received += len(chunk)
            self._decoder.feed(chunk)
        self._grown += len(piece)
        if self._grown > max(FREE_INFLATION, self._received * self._max_inflation):
            grown = f"{self._received} bytes of {self._encoding} grew to more than {self._grown}"
            raise FetchError(Outcome.BAD_ENCODING, grown)
        return piece

    def _take(self) -> bytes:
        try:
            return self._decoder.take(STEP)
        except (zlib.error, brotli.error) as error:
            raise FetchError(Outcome.BAD_ENCODING, f"broken {self._encoding}: {error}") from error
