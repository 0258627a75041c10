"""Read the streams that the frontier writes for gateways.

Each entry goes to one gateway until it is settled.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    Note = tuple[bytes, dict[bytes, bytes]]
    """Id and fields."""

GROUP = "gateway"
SILENT = 60_000
"""Milliseconds after which entries of a silent gateway are taken over."""


class StreamConsumer:
    """A gateway's consumer of one stream."""

    def __init__(self, redis: Redis, stream: str) -> None:
        self._redis: Any = redis
        self._stream = stream
        self._consumer = secrets.token_hex(4)
        self._silent = 0  # at first, entries of others are taken over at once, because they may all be dead

    async def next(self, count: int, timeout: float) -> list[Note]:
        """Return up to ``count`` entries, after waiting at most ``timeout`` seconds for the first."""
        try:
            return await self._take_over(count) or await self._read(count, timeout)
        except ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            await make_group(self._redis, self._stream, GROUP)
            return []

    async def settle(self, *ids: bytes) -> None:
        """Acknowledge and remove entries."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(self._stream, GROUP, *ids)
            pipe.xdel(self._stream, *ids)
            await pipe.execute()

    async def _take_over(self, count: int) -> list[Note]:
        answer = await self._redis.xautoclaim(self._stream, GROUP, self._consumer, self._silent, "0-0", count)
        found = [(entry, fields) for entry, fields in answer[1] if fields]
        if not found:
            self._silent = SILENT
        return found

    async def _read(self, count: int, timeout: float) -> list[Note]:
        streams = {self._stream: ">"}
        block = max(int(timeout * 1000), 1)
        answer = await self._redis.xreadgroup(GROUP, self._consumer, streams, count=count, block=block)
        return [note for _, entries in answer or () for note in entries]


async def make_group(redis: Any, stream: str, group: str) -> None:
    """Create a consumer group that begins with the stream's first entry, unless it exists."""
    try:
        await redis.xgroup_create(stream, group, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise
