"""Read the streams that the frontier writes for gateways.

Each entry goes to one gateway until it is settled.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis

    OthersRun = Callable[[], Awaitable[bool]]
    """Returns whether another gateway runs."""
    Note = tuple[bytes, dict[bytes, bytes]]
    """Id and fields."""

GROUP = "gateway"
IDLE_MS = 60_000
"""Milliseconds after which entries of a silent gateway are taken over."""
DECISION_S = 10.0
"""Seconds from its start for which a gateway looks whether it is the only one."""
POLL_INTERVAL_S = 1.0
"""Seconds between these looks."""
MAX_RETURNED = 1000


class Takeover:
    """Decides how long an entry of another gateway must have been silent before it is taken over.

    If no other gateway runs, all entries are taken over at the start, because those that had them are dead. Otherwise
    they may be under way.
    """

    def __init__(self, others_run: OthersRun | None = None) -> None:
        """Without ``others_run``, no other gateway runs at the start."""
        self._others_run = others_run
        self._until = time.monotonic() + DECISION_S
        self.is_decided = False

    async def least_silence(self) -> int:
        """Return the milliseconds.

        Raises RedisError.
        """
        if self.is_decided:
            return IDLE_MS
        if self._others_run and await self._others_run():
            self.is_decided = time.monotonic() > self._until
            return IDLE_MS
        return 0

    def note(self, found: object, silence: int) -> None:
        """Note what was found with that silence: once nothing is left, only silent entries are taken over."""
        if not found and not silence:
            self.is_decided = True

    def shorten(self, timeout: float) -> float:
        """Return the seconds for which to wait for new entries."""
        return timeout if self.is_decided else min(timeout, POLL_INTERVAL_S)


class StreamConsumer:
    """A gateway's consumer of one stream."""

    def __init__(self, redis: Redis, stream: str, others_run: OthersRun | None = None) -> None:
        self._redis: Any = redis
        self._stream = stream
        self._consumer = secrets.token_hex(4)
        self._takeover = Takeover(others_run)

    async def next(self, count: int, timeout: float) -> list[Note]:
        """Return up to ``count`` entries, after waiting at most ``timeout`` seconds for the first."""
        try:
            return await self._take_over(count) or await self._read(count, self._takeover.shorten(timeout))
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

    async def give_back(self) -> None:
        """Make the entries that this gateway has not settled available to others at once.

        Raises RedisError.
        """
        await give_back(self._redis, self._stream, GROUP, self._consumer)

    async def _take_over(self, count: int) -> list[Note]:
        silence = await self._takeover.least_silence()
        answer = await self._redis.xautoclaim(self._stream, GROUP, self._consumer, silence, "0-0", count)
        found = [(entry, fields) for entry, fields in answer[1] if fields]
        self._takeover.note(found, silence)
        return found

    async def _read(self, count: int, timeout: float) -> list[Note]:
        streams = {self._stream: ">"}
        block = max(int(timeout * 1000), 1)
        answer = await self._redis.xreadgroup(GROUP, self._consumer, streams, count=count, block=block)
        return [note for _, entries in answer or () for note in entries]


async def give_back(redis: Any, stream: str, group: str, consumer: str) -> None:
    """Make the entries that a consumer has not settled look silent, so that others take them over.

    Raises RedisError.
    """
    with suppress(ResponseError):  # there is no group, or this user may not
        pending = await redis.xpending_range(stream, group, "-", "+", MAX_RETURNED, consumer)
        if ids := [entry["message_id"] for entry in pending]:
            await redis.xclaim(stream, group, consumer, 0, ids, idle=IDLE_MS, justid=True)


async def make_group(redis: Any, stream: str, group: str) -> None:
    """Create a consumer group that begins with the stream's first entry, unless it exists."""
    try:
        await redis.xgroup_create(stream, group, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise
