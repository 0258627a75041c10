"""Wait for entries in a list, a set or a sorted set of Redis."""

from __future__ import annotations

import asyncio
from typing import Any

from pdfspider.tasks import end

POLL_INTERVAL_S = 0.1


async def something_waits(
    redis: Any, source: str, target: str, *others: str, timeout: float, side: str = "RIGHT"
) -> bool:
    """Return whether one of the keys has entries, after waiting at most ``timeout`` seconds.

    If ``source`` is a list, a new entry is noticed at once and moves to ``target``. Redis has no such command for sets
    and sorted sets, so these are polled every ``POLL_INTERVAL_S`` seconds.
    """
    keys = (source, target, *others)
    if await redis.exists(*keys):
        return True
    moving = asyncio.ensure_future(redis.blmove(source, target, timeout, side, "LEFT"))
    try:
        while not moving.done():
            await asyncio.wait({moving}, timeout=POLL_INTERVAL_S)
            if await redis.exists(*keys):
                return True
        return moving.result() is not None
    finally:
        await end([moving])
        if not moving.cancelled():
            moving.exception()  # where both calls failed, one of them has said so
