"""Waits until what was written to Redis is on its disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pdfspider.batching import Batcher
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from redis.asyncio import Redis

POLL = 0.02
SYNC_INTERVAL = 1.2
"""Seconds after which Redis has begun to sync: it does so once a second, and looks ten times in one."""
TIMEOUT = 10_000


class Durability:
    """Many callers wait for one sync together.

    WAITAOF is exact, and there since Redis 7.2. Before, a sync that begins after the write is waited for: Redis begins
    one each second unless one is under way, so that none is under way, a second passes, and none is under way again.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._wait: Batcher[None, None] = Batcher(self._sync, limit=1 << 20)

    async def written(self) -> bool:
        """Whether Redis writes an append-only file at all."""
        return bool((await self._redis.info("persistence"))["aof_enabled"])

    async def __call__(self) -> None:
        """Returns when everything that Redis has answered to before this call is on its disk."""
        await self._wait(None)

    async def _sync(self, waiting: list[None]) -> list[None]:
        info = await self._redis.info()
        if info["aof_enabled"]:
            version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
            await (self._wait_aof() if version >= (7, 2) else self._next_sync())
        return waiting

    async def _wait_aof(self) -> None:
        """WAITAOF waits for the writes of its own connection; what others wrote before stands before these."""
        synced = 0
        while not synced:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(f"{PREFIX}meta", "synced", "")
                pipe.execute_command("WAITAOF", 1, 0, TIMEOUT)
                synced = (await pipe.execute())[1][0]

    async def _next_sync(self) -> None:
        await self._idle()
        await asyncio.sleep(SYNC_INTERVAL)
        await self._idle()

    async def _idle(self) -> None:
        while True:
            info = await self._redis.info("persistence")
            if not (info.get("aof_pending_bio_fsync") or info.get("aof_buffer_length")):
                return
            await asyncio.sleep(POLL)
