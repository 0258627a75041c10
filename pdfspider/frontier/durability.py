"""Wait until Redis has its writes on disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

POLL_INTERVAL_S = 0.02
GROUPING_S = 0.05
"""Seconds during which callers are collected for one sync."""
SECOND_US = 1_000_000
TIMEOUT_MS = 10_000
PENDING_FIELDS = ("aof_pending_bio_fsync", "aof_buffer_length")


class Durability:
    """A sync of Redis to its disk, which many callers can wait for together.

    ``sync`` is a function that syncs Redis's files, if they are on this machine. A caller that comes while it runs
    waits for the next one.

    Without ``sync``, the caller waits until Redis syncs by itself. Since Redis 7.2, WAITAOF tells exactly when. For
    older versions, the caller waits for a sync that began after the write. In each second of its clock, Redis begins a
    sync before it answers the next call, unless another one runs. The caller therefore waits until no sync runs, then
    for the next second, then until no sync runs again.
    """

    def __init__(self, redis: Redis, sync: Callable[[], None] | None = None) -> None:
        self._redis: Any = redis
        self._own_sync = sync
        self._syncing = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def written(self) -> bool:
        """Return whether Redis writes an append-only file."""
        return bool((await self._redis.info("persistence"))["aof_enabled"])

    async def __call__(self) -> None:
        """Return when every write that Redis has answered before this call is on its disk."""
        if self._next is None:
            self._next = asyncio.create_task(self._sync())
            self._next.add_done_callback(_note)
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
        await asyncio.sleep(GROUPING_S)
        self._next = None
        if not await self.written() or await self._syncs_always():
            return
        version = tuple(int(part) for part in str((await self._server())["redis_version"]).split(".")[:2])
        await (self._wait_aof() if version >= (7, 2) else self._next_sync())

    async def _syncs_always(self) -> bool:
        """Return whether Redis syncs before it answers, False if it does not tell."""
        try:
            return bool((await self._redis.config_get("appendfsync")).get("appendfsync") == "always")
        except ResponseError:
            return False

    async def _server(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._redis.info("server")
        return found

    async def _wait_aof(self) -> None:
        """Wait for WAITAOF, which covers the writes of its own connection and all before them."""
        synced = 0
        while not synced:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(f"{PREFIX}meta", "synced", "")
                pipe.execute_command("WAITAOF", 1, 0, TIMEOUT_MS)
                synced = (await pipe.execute())[1][0]

    async def _next_sync(self) -> None:
        await self._idle(*PENDING_FIELDS)
        now = (await self._server())["server_time_usec"]
        left = SECOND_US - now % SECOND_US
        while left > 0:
            await asyncio.sleep(left / SECOND_US)
            left -= (after := (await self._server())["server_time_usec"]) - now
            now = after
        await self._idle(*PENDING_FIELDS)

    async def _idle(self, *fields: str) -> None:
        """Return when all these fields of INFO are 0."""
        while True:
            info = await self._redis.info("persistence")
            if not any(info.get(field) for field in fields):
                return
            await asyncio.sleep(POLL_INTERVAL_S)


def _note(sync: asyncio.Task[None]) -> None:
    """Look at the error of a sync, which asyncio would log if all callers were cancelled meanwhile."""
    if not sync.cancelled():
        sync.exception()
