"""Waits until what was written to Redis is on its disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

POLL = 0.02
TOGETHER = 0.05
"""Seconds for which callers are collected that wait for one sync together."""
SECOND = 1_000_000
TIMEOUT = 10_000
UNDER_WAY = ("aof_pending_bio_fsync", "aof_buffer_length")


class Durability:
    """Many callers wait for one sync together.

    ``sync`` brings what Redis has written to the disk, where its files are at hand: who comes while it works waits for
    the next one. Otherwise Redis is waited for, and those who come later need not wait until others have their sync.
    WAITAOF is exact, and there since Redis 7.2. Before, a sync that begins after the write is waited for: Redis begins
    one in each second of its clock that it finds none under way, before it answers the next call. So none is under way,
    the next second is there, Redis has gone on, and none is under way again.
    """

    def __init__(self, redis: Redis, sync: Callable[[], None] | None = None) -> None:
        self._redis: Any = redis
        self._own_sync = sync
        self._syncing = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def written(self) -> bool:
        """Whether Redis writes an append-only file at all."""
        return bool((await self._redis.info("persistence"))["aof_enabled"])

    async def __call__(self) -> None:
        """Returns when everything that Redis has answered to before this call is on its disk."""
        if self._next is None:
            self._next = asyncio.create_task(self._sync())
        await asyncio.shield(self._next)

    async def _sync(self) -> None:
        if self._own_sync is None:
            await self._wait_for_redis()
            return
        async with self._syncing:
            self._next = None
            await self._idle("aof_buffer_length")
            await asyncio.to_thread(self._own_sync)

    async def _wait_for_redis(self) -> None:
        await asyncio.sleep(TOGETHER)
        self._next = None
        if not await self.written() or await self._syncs_always():
            return
        version = tuple(int(part) for part in str((await self._server())["redis_version"]).split(".")[:2])
        await (self._wait_aof() if version >= (7, 2) else self._next_sync())

    async def _syncs_always(self) -> bool:
        """Then what was answered to is on the disk; where Redis does not tell, it may not be."""
        try:
            return bool((await self._redis.config_get("appendfsync")).get("appendfsync") == "always")
        except ResponseError:
            return False

    async def _server(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._redis.info("server")
        return found

    async def _wait_aof(self) -> None:
        """WAITAOF waits for the writes of its own connection; what others wrote before stands before these."""
        synced = 0
        while not synced:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(f"{PREFIX}meta", "synced", "")
                pipe.execute_command("WAITAOF", 1, 0, TIMEOUT)
                synced = (await pipe.execute())[1][0]

    async def _next_sync(self) -> None:
        await self._idle(*UNDER_WAY)
        now = (await self._server())["server_time_usec"]
        left = SECOND - now % SECOND
        while left > 0:
            await asyncio.sleep(left / SECOND)
            left -= (after := (await self._server())["server_time_usec"]) - now
            now = after
        await self._idle(*UNDER_WAY)

    async def _idle(self, *fields: str) -> None:
        """Until Redis has nothing of this under way."""
        while True:
            info = await self._redis.info("persistence")
            if not any(info.get(field) for field in fields):
                return
            await asyncio.sleep(POLL)
