"""Content encodings: undone layer by layer, within bounds, where they are there at all."""

from __future__ import annotations

import asyncio
import re
import zlib
from typing import TYPE_CHECKING, Protocol

import brotli

from pdfspider.crawl.fetch.bodies.body_stream import PrefixedChunks
from pdfspider.crawl.fetch.errors import BodyBroken, FetchError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdfspider.crawl.fetch.bodies.body_stream import Chunks

FREE_INFLATION = 16 * 1024 * 1024
STEP_SIZE = 256 * 1024
MEMBER_STEP_SIZE = 16 * 1024
MAX_EMPTY_MEMBERS = 1_000
"""Members in a row of a gzip file that decode to nothing."""
STEPS_PER_TURN = 16
"""Steps of decoding after which others come to their turn."""
GZIP_START = b"\x1f\x8b"
PDF_START = b"%PDF-"
_ZLIB = re.compile(rb"[\x08\x18\x28\x38\x48\x58\x68\x78][\x01\x5e\x9c\xda]").match
TESTED_SIZE = 64
"""Bytes of a body that tell whether it has the encoding that was declared."""
MAX_ENCODINGS = 3
"""Content encodings that are undone one after the other; nobody means more."""


class Decoder(Protocol):
    """Undoes one content encoding, a bounded step at a time."""

    @property
    def is_done(self) -> bool:
        """Return whether the encoded data has come to its own end, and all of it was given."""

    def feed(self, data: bytes) -> None:
        """Add encoded bytes."""

    def take(self, limit: int) -> bytes:
        """Return up to about ``limit`` decoded bytes; empty when more has to be fed."""


class _Inflate:
    """gzip, zlib, and raw deflate, which some servers send as "deflate".

    What follows the end and is no further member is ignored, as gzip(1) and browsers do.
    """

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._rest = b""
        self._begun = self._ended = False
        self._empty = 0

    @property
    def is_done(self) -> bool:
        return self._ended or (self._inflate.eof and not self._rest)

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
        data, self._rest = self._rest[:MEMBER_STEP_SIZE], self._rest[MEMBER_STEP_SIZE:]
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
        if len(self._rest) < len(GZIP_START):
            return False
        self._ended = not self._rest.startswith(GZIP_START)
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._empty += 1
        if self._empty > MAX_EMPTY_MEMBERS:
            raise zlib.error(f"more than {MAX_EMPTY_MEMBERS} empty members")
        return not self._ended


class _Brotli:
    def __init__(self) -> None:
        self._decompress = brotli.Decompressor()
        self._rest = b""
        self._drained = True

    @property
    def is_done(self) -> bool:
        return bool(self._decompress.is_finished())

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
UNSUPPORTED_ENCODINGS = frozenset(
    (
        "zstd",
        "zstandard",
        "compress",
        "x-compress",
        "dcb",
        "dcz",
        "exi",
        "pack200-gzip",
        "aes128gcm",
        "bzip2",
        "x-bzip2",
        "xz",
    )
)
"""Encodings that exist and are not undone here. A name that is in neither list is no encoding."""
_COMPRESSED = (b"(\xb5/\xfd", b"\x1f\x9d", b"BZh", b"\xfd7zXZ")


class Decoded:
    """The chunks without one content encoding.

    Where the connection breaks behind the end that the encoded data itself has, this is the end. Raises FetchError for
    an encoding that is broken, and for a body that grows beyond ``max_inflation`` times what was received, through all
    its encodings.
    """

    def __init__(self, chunks: Chunks, encoding: str, *, max_inflation: int) -> None:
        self._decoder: Decoder = DECODERS[encoding]()
        self._chunks, self._encoding, self._max_inflation = chunks, encoding, max_inflation
        self._grown = self._steps = 0

    @property
    def received(self) -> int:
        """Return how many bytes came over the network."""
        return self._chunks.received

    async def next(self) -> bytes:
        """Return the next decoded bytes; empty at the end. Raises FetchError, and what breaks a connection."""
        self._steps += 1
        if self._steps % STEPS_PER_TURN == 0:
            await asyncio.sleep(0)
        while not (piece := self._take()):
            try:
                chunk = await self._chunks.next()
            except BodyBroken:
                if not self._decoder.is_done:
                    raise
                return b""
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
            return self._decoder.take(STEP_SIZE)
        except (zlib.error, brotli.error) as error:
            raise FetchError(Outcome.BAD_ENCODING, f"broken {self._encoding}: {error}") from error


async def decoded(chunks: Chunks, declared: str, *, max_inflation: int) -> Chunks:
    """Return the chunks without the encodings that the header Content-Encoding declares.

    Servers declare encodings for what they send plain, and names that are none: such chunks stay as they are. Raises
    FetchError, as Decoded.
    """
    names = [part.strip().lower() for part in declared.split(",")]
    encodings = [name for name in names if name in DECODERS or name in UNSUPPORTED_ENCODINGS]
    if len(encodings) > MAX_ENCODINGS:
        raise FetchError(Outcome.BAD_ENCODING, f"{len(encodings)} content encodings")
    if not encodings:
        first = await _first(chunks)
        if first.startswith(_COMPRESSED):
            raise FetchError(Outcome.BAD_ENCODING, f"content encoding {declared!r} is not known")
        return PrefixedChunks(first, chunks)
    for encoding in reversed(encodings):
        first = await _first(chunks)
        chunks = PrefixedChunks(first, chunks)
        if _is_plain(first, encoding):
            continue
        if encoding in UNSUPPORTED_ENCODINGS:
            raise FetchError(Outcome.BAD_ENCODING, f"content encoding {encoding!r} is not known")
        chunks = Decoded(chunks, encoding, max_inflation=max_inflation)
    return chunks


def _is_plain(first: bytes, encoding: str) -> bool:
    """Return whether a body that begins with ``first`` does not have this encoding."""
    if first.startswith(PDF_START) or not first:
        return True
    if encoding in UNSUPPORTED_ENCODINGS:
        return first.lstrip().startswith((b"<", PDF_START))
    if encoding != "br" and first.startswith(GZIP_START):
        return False
    if encoding not in ("br", "deflate") and not _ZLIB(first):
        return True
    decoder = DECODERS[encoding]()
    try:
        decoder.feed(first)
        decoder.take(STEP_SIZE)
    except (zlib.error, brotli.error):
        return True
    return False


async def _first(chunks: Chunks) -> bytes:
    """Return the first bytes, enough to tell what they are however small the chunks are; fewer only at the end."""
    first = await chunks.next()
    while 0 < len(first) < TESTED_SIZE and (more := await _next_or_end(chunks)):
        first += more
    return first


async def _next_or_end(chunks: Chunks) -> bytes:
    """Return the next chunk; b"" where there is none, whatever the reason: who asks again is told."""
    try:
        return await chunks.next()
    except BodyBroken:
        return b""
