"""The common part of publishing results and events."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cachetools import LRUCache
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

logger = logging.getLogger(__name__)

FIRST_PAUSE, SHORT_PAUSE, LONGEST_PAUSE = 0.25, 8.0, 900.0
REMEMBERED = 10_000


async def take(take_next: Callable[[], Awaitable[Sequence[T]]]) -> Sequence[T]:
    """Return what the frontier has pending, or nothing while Redis cannot be reached."""
    try:
        return await take_next()
    except RedisError as error:
        logger.warning("Redis cannot be used: %s", error)
        await asyncio.sleep(1)
        return ()


class Postponed:
    """Results or events that were refused, and when each is tried again.

    The pause grows to a quarter of an hour. Short pauses are waited for; otherwise the frontier returns the item each
    minute.
    """

    def __init__(self) -> None:
        self._known: LRUCache[bytes, tuple[float, float]] = LRUCache(REMEMBERED)
        """Pause and time of the next try."""

    def is_due(self, identity: bytes) -> bool:
        """Return whether the pause is over."""
        _, at = self._known.get(identity, (0.0, 0.0))
        return asyncio.get_running_loop().time() >= at

    async def wait(self, identity: bytes) -> bool:
        """Note a further refusal, and return whether to try again now, after a short pause."""
        pause, _ = self._known.pop(identity, (0.0, 0.0))
        pause = min(2 * pause, LONGEST_PAUSE) or FIRST_PAUSE
        self._known[identity] = pause, asyncio.get_running_loop().time() + pause
        if pause > SHORT_PAUSE:
            return False
        await asyncio.sleep(pause)
        return True

    def forget(self, identity: bytes) -> None:
        """Forget an item that was taken."""
        self._known.pop(identity, None)
