"""Answers that are owed to masters: the runs that have ended, and the messages that led to them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import ResponseError

from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

GROUP = "gateway"
SILENT = 60_000
"""Milliseconds after which what another gateway has begun to answer is taken over."""
TASKS_PER_STEP = 100


class Ended(NamedTuple):
    """A run that has ended and is to be answered; ``id`` is that of its entry."""

    id: bytes
    run: int
    job: str
    state: str


class Owed:
    """The answers that are owed by one transport. Every one is given until it is settled, at least once."""

    def __init__(self, redis: Redis, transport: str) -> None:
        self._redis: Any = redis
        self._transport = transport
        self._stream = f"{PREFIX}owed:{transport}"
        self._consumer = secrets.token_hex(4)
        self._silent = 0  # at first what others have begun is taken over at once: they may all be dead

    async def next(self, count: int, timeout: float) -> list[Ended]:
        """Runs to answer; waits up to ``timeout`` seconds for the first."""
        try:
            return await self._take_over(count) or await self._read(count, timeout)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self._make_group()
            return []

    async def tasks(self, run: int) -> AsyncIterator[tuple[bytes, bytes]]:
        """Keys and records of the messages that wait for this run's end."""
        async for key, record in self._redis.hscan_iter(self._tasks(run), count=TASKS_PER_STEP):
            yield key, record

    async def settle_task(self, run: int, key: bytes) -> None:
        """One message has been answered."""
        await self._redis.hdel(self._tasks(run), key)

    async def settle(self, ended: Ended) -> None:
        """All messages that waited for the end of this run have been answered."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(self._stream, GROUP, ended.id)
            pipe.xdel(self._stream, ended.id)
            pipe.srem(f"{PREFIX}unanswered", f"{ended.run}:{self._transport}")
            await pipe.execute()

    def _tasks(self, run: int) -> str:
        return f"{PREFIX}tasks:{run}:{self._transport}"

    async def _take_over(self, count: int) -> list[Ended]:
        answer = await self._redis.xautoclaim(self._stream, GROUP, self._consumer, self._silent, "0-0", count)
        found = [_ended(entry, fields) for entry, fields in answer[1] if fields]
        if not found:
            self._silent = SILENT
        return found

    async def _read(self, count: int, timeout: float) -> list[Ended]:
        streams = {self._stream: ">"}
        block = max(int(timeout * 1000), 1)
        answer = await self._redis.xreadgroup(GROUP, self._consumer, streams, count=count, block=block)
        return [_ended(entry, fields) for _, entries in answer or () for entry, fields in entries]

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _ended(entry: bytes, fields: dict[bytes, bytes]) -> Ended:
    return Ended(entry, int(fields[b"run"]), fields[b"job"].decode(), fields[b"state"].decode())


async def unanswered(redis: Redis) -> int:
    """How many runs have masters that wait for an answer."""
    return int(await redis.scard(f"{PREFIX}unanswered"))
