"""Stream bodies, and decode them within bounds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from pdfspider.crawl.fetch.errors import BodyBroken, BodyStalled

if TYPE_CHECKING:
    from pdfspider.crawl.fetch.client.transfer import Transfer
    from pdfspider.documents.staging import StagedBody, StagedFile


class ByteCount:
    """The bytes of documents that have come so far, those of unfinished ones too."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


class Chunks(Protocol):
    """A body in chunks, of which b"" is the end."""

    @property
    def received(self) -> int:
        """The number of bytes that were received for the body."""

    async def next(self) -> bytes:
        """Return the next chunk."""


class PrefixedChunks:
    """Chunks whose first bytes were read already."""

    def __init__(self, begun: bytes, chunks: Chunks) -> None:
        self._begun, self._chunks = begun, chunks

    @property
    def received(self) -> int:
        """The number of bytes that were received for the body."""
        return self._chunks.received

    async def next(self) -> bytes:
        """Return the next chunk."""
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        return await self._chunks.next()


class BodyStream:
    """The chunks of a body as they are received.

    Raises BodyStalled if they come at less than ``minimum_rate`` bytes a second over an interval of ``idle_timeout``
    seconds, and what the transfer raises.
    """

    def __init__(self, transfer: Transfer, *, idle_timeout: float, minimum_rate: float) -> None:
        self._transfer, self._idle_timeout, self._minimum_rate = transfer, idle_timeout, minimum_rate
        self._since, self._counted = time.monotonic(), 0

    @property
    def received(self) -> int:
        """The number of bytes that were received for the body."""
        return self._transfer.received

    async def next(self) -> bytes:
        """Return the next chunk."""
        chunk = await self._transfer.next()
        if (now := time.monotonic()) - self._since >= self._idle_timeout:
            self._check_rate(now)
        return chunk

    def _check_rate(self, now: float) -> None:
        elapsed, came = now - self._since, self.received - self._counted
        if came < self._minimum_rate * elapsed and not self._transfer.is_read:
            raise BodyStalled(f"only {came} bytes in {elapsed:.0f} s")
        self._since, self._counted = now, self.received


async def read_at_least(chunks: Chunks, size: int, begun: bytes) -> tuple[bytes, Exception | None]:
    """Return at least ``size`` bytes, or all, with the error that broke the connection, if any."""
    parts, have = [begun] if begun else [], len(begun)
    try:
        while have < size and (chunk := await chunks.next()):
            parts.append(chunk)
            have += len(chunk)
    except BodyBroken as error:
        return b"".join(parts), error
    return b"".join(parts), None


async def read_to_file(
    chunks: Chunks, file: StagedFile, limit: int, begun: bytes
) -> tuple[StagedBody, Exception | None]:
    """Write ``limit`` bytes, or all, to a file, and return it with the error that broke the connection, if any.

    Raises StagingError.
    """
    broken = None
    await file.write(begun[:limit])
    while file.size < limit:
        try:
            chunk = await chunks.next()
        except BodyBroken as error:
            broken = error
            break
        if not chunk:
            break
        await file.write(chunk[: limit - file.size])
    return await file.finish(), broken
