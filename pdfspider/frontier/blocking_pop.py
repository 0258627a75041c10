"""Waits for what others put into a list, a set or a sorted set of Redis."""

from __future__ import annotations

import asyncio
from typing import Any

from pdfspider.tasks import end

GLANCE = 0.1


async def something_waits(
    redis: Any, source: str, target: str, *others: str, timeout: float, side: str = "RIGHT"
) -> bool:
    """Whether one of the keys has anything; waits up to ``timeout`` seconds for that.

    What comes to ``source``, if that is a list, is noticed at once: its first entry moves to ``target``. No command
    waits so for a set or a sorted set: it is looked at every ``GLANCE`` seconds.
    """
    keys = (source, target, *others)
    if await redis.exists(*keys):
        return True
    moving = asyncio.ensure_future(redis.blmove(source, target, timeout, side, "LEFT"))
    try:
        while not moving.done():
            await asyncio.wait({moving}, timeout=GLANCE)
            if await redis.exists(*keys):
                return True
        return moving.result() is not None
    finally:
        await end([moving])
        if not moving.cancelled():
            moving.exception()  # where both calls failed, one of them has said so
