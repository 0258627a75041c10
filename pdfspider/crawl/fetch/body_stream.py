"""Bodies as they arrive: chunks that keep coming, decoded within bounds."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import TYPE_CHECKING, Protocol

import aiohttp
import brotli

from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import StreamReader

FREE_INFLATION = 16 * 1024 * 1024
STEP = 256 * 1024
MEMBER_STEP = 16 * 1024
EMPTY_MEMBERS = 1_000
"""Members in a row of a gzip file that decode to nothing."""
BREATH = 16
"""Steps of decoding after which others come to their turn."""
GZIP = b"\x1f\x8b"
PDF = b"%PDF-"
LAYERS = 3
"""Content encodings that are undone one after the other; nobody means more."""


class Chunks(Protocol):
    """A body that comes in pieces; b"" is its end. ``received`` are the bytes that came over the wire for it."""

    @property
    def received(self) -> int: ...
    async def next(self) -> bytes: ...


class Begun:
    """Chunks of which the first bytes were read already."""

    def __init__(self, begun: bytes, chunks: Chunks) -> None:
        self._begun, self._chunks = begun, chunks

    @property
    def received(self) -> int:
        return self._chunks.received

    async def next(self) -> bytes:
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        return await self._chunks.next()


class BodyStream:
    """The chunks of a body as they are received.

    Raises FetchError where none comes for ``idle_timeout`` seconds, or where they come at less than ``minimum_rate``
    bytes a second over an interval of that length; ClientError where the connection breaks, once all that came
    before was given.
    """

    def __init__(self, content: StreamReader, *, idle_timeout: float, minimum_rate: float) -> None:
        self._content, self._idle_timeout, self._minimum_rate = content, idle_timeout, minimum_rate
        self._since, self._counted = time.monotonic(), 0
        self.received = 0

    async def next(self) -> bytes:
        try:
            chunk = await self._content.readany()
        except TimeoutError:
            raise FetchError(Outcome.TIMEOUT, f"no byte for {self._idle_timeout:g} s") from None
        except aiohttp.ClientError:
            chunk = self._content._read_nowait(-1)  # noqa: SLF001 - it has no public way to what came before the break
            if not chunk:
                raise
        self.received += len(chunk)
        if (now := time.monotonic()) - self._since >= self._idle_timeout:
            self._check_rate(now)
        return chunk

    def _check_rate(self, now: float) -> None:
        elapsed, came = now - self._since, self.received - self._counted
        if came < self._minimum_rate * elapsed:
            raise FetchError(Outcome.TIMEOUT, f"only {came} bytes in {elapsed:.0f} s")
        self._since, self._counted = now, self.received


class Decoder(Protocol):
    """Undoes one content encoding, a bounded step at a time."""

    def feed(self, data: bytes) -> None: ...
    def take(self, limit: int) -> bytes:
        """Up to about ``limit`` decoded bytes; empty when more has to be fed."""


class _Inflate:
    """gzip, zlib, and raw deflate, which some servers send as "deflate".

    What follows the end and is no further member is ignored, as gzip(1) and browsers do.
    """

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._rest = b""
        self._begun = self._ended = False
        self._empty = 0

    def feed(self, data: bytes) -> None:
        if not self._ended:
            self._rest += data

    def take(self, limit: int) -> bytes:
        """Decode on until something comes: members may be empty."""
        while self._rest and not self._ended:
            if self._inflate.eof and not self._begin_another():
                return b""
            if decoded := self._step(limit):
                self._empty = 0
                return decoded
        return b""

    def _step(self, limit: int) -> bytes:
        # What follows a member is copied: without a bound, once for each of thousands of small members.
        data, self._rest = self._rest[:MEMBER_STEP], self._rest[MEMBER_STEP:]
        try:
            decoded = self._inflate.decompress(data, limit)
        except zlib.error:
            if self._begun:
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            decoded = self._inflate.decompress(data, limit)
        self._begun = True
        self._rest = (self._inflate.unused_data or self._inflate.unconsumed_tail) + self._rest
        return decoded

    def _begin_another(self) -> bool:
        """Begin with the next member; False where there is none, or not enough of it to tell."""
        if len(self._rest) < len(GZIP):
            return False
        self._ended = not self._rest.startswith(GZIP)
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._empty += 1
        if self._empty > EMPTY_MEMBERS:
            raise zlib.error(f"more than {EMPTY_MEMBERS} empty members")
        return not self._ended


class _Brotli:
    def __init__(self) -> None:
        self._decompress = brotli.Decompressor()
        self._rest = b""
        self._drained = True

    def feed(self, data: bytes) -> None:
        self._rest += data

    def take(self, limit: int) -> bytes:
        data, self._rest = self._rest, b""
        if not data and (self._drained or self._decompress.is_finished()):
            return b""
        # It says that it can accept more before it has given everything.
        piece = bytes(self._decompress.process(data, output_buffer_limit=limit))
        self._drained = not piece
        return piece


DECODERS: dict[str, Callable[[], Decoder]] = {"gzip": _Inflate, "x-gzip": _Inflate, "deflate": _Inflate, "br": _Brotli}


class Decoded:
    """The chunks without one content encoding.

    Raises FetchError for an encoding that is unknown or broken, and for a body that grows beyond ``max_inflation``
    times what was received, through all its encodings.
    """

    def __init__(self, chunks: Chunks, encoding: str, *, max_inflation: int) -> None:
        if encoding not in DECODERS:
            raise FetchError(Outcome.BAD_ENCODING, f"content encoding {encoding!r} is not known")
        self._decoder: Decoder = DECODERS[encoding]()
        self._chunks, self._encoding, self._max_inflation = chunks, encoding, max_inflation
        self._grown = self._steps = 0

    @property
    def received(self) -> int:
        return self._chunks.received

    async def next(self) -> bytes:
        self._steps += 1
        if self._steps % BREATH == 0:
            await asyncio.sleep(0)
        while not (piece := self._take()):
            chunk = await self._chunks.next()
            if not chunk:
                return b""
            self._decoder.feed(chunk)
        self._grown += len(piece)
        if self._grown > max(FREE_INFLATION, self.received * self._max_inflation):
            grown = f"{self.received} bytes of {self._encoding} grew to more than {self._grown}"
            raise FetchError(Outcome.BAD_ENCODING, grown)
        return piece

    def _take(self) -> bytes:
        try:
            return self._decoder.take(STEP)
        except (zlib.error, brotli.error) as error:
            raise FetchError(Outcome.BAD_ENCODING, f"broken {self._encoding}: {error}") from error


async def decoded(chunks: Chunks, declared: str, *, max_inflation: int) -> Chunks:
    """The chunks without the encodings of a Content-Encoding, and as they are where that is not true: some servers
    declare it for what they send plain. Raises FetchError, as Decoded.
    """
    encodings = [name for part in declared.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(encodings) > LAYERS:
        raise FetchError(Outcome.BAD_ENCODING, f"{len(encodings)} content encodings")
    for number, encoding in enumerate(reversed(encodings)):
        first = await _first(chunks)
        chunks = Begun(first, chunks)
        if first.startswith(PDF) and not number:
            return chunks
        chunks = Decoded(chunks, encoding, max_inflation=max_inflation)
    return chunks


async def _first(chunks: Chunks) -> bytes:
    """Return the first bytes, enough to tell what they are however small the chunks are; fewer only at the end."""
    first = await chunks.next()
    while 0 < len(first) < len(PDF) and (more := await chunks.next()):
        first += more
    return first
