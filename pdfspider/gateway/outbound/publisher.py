"""The common part of publishing results and events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from cachetools import LRUCache
from redis.exceptions import RedisError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.tasks import raise_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

FIRST_PAUSE_S, SHORT_PAUSE_S, MAX_PAUSE_S = 0.25, 8.0, 900.0
MAX_PAUSES_REMEMBERED = 10_000
RETRY_DELAY_S = 1.0


class PendingItems(Generic[T]):
    """Items that the frontier has pending for one transport; ``what`` is "Results" or "Documents"."""

    def __init__(self, what: str, transport: str, take_next: Callable[[], Awaitable[Sequence[T]]]) -> None:
        self._take_next = take_next
        self._away = ConditionLogger(
            f"{what} for {transport} wait for Redis", f"Redis can be asked for {what.lower()} again"
        )

    async def take(self) -> Sequence[T]:
        """Return the next ones, or nothing while Redis cannot be used."""
        raise_if_cancelled()
        try:
            found = await self._take_next()
        except RedisError as error:
            self._away.begin(error)
            await asyncio.sleep(RETRY_DELAY_S)
            return ()
        self._away.end()
        return found


class Postponed:
    """Results or events that were refused, and when each is tried again.

    The pause grows to a quarter of an hour. Short pauses are waited for; otherwise the frontier returns the item each
    minute.
    """

    def __init__(self) -> None:
        self._known: LRUCache[bytes, tuple[float, float]] = LRUCache(MAX_PAUSES_REMEMBERED)
        """Pause and time of the next try."""

    def is_due(self, identity: bytes) -> bool:
        """Return whether the pause is over."""
        _, at = self._known.get(identity, (0.0, 0.0))
        return asyncio.get_running_loop().time() >= at

    async def wait(self, identity: bytes) -> bool:
        """Note a further refusal, and return whether to try again now, after a short pause."""
        pause, _ = self._known.pop(identity, (0.0, 0.0))
        pause = min(2 * pause, MAX_PAUSE_S) or FIRST_PAUSE_S
        self._known[identity] = pause, asyncio.get_running_loop().time() + pause
        if pause > SHORT_PAUSE_S:
            return False
        await asyncio.sleep(pause)
        return True

    def forget(self, identity: bytes) -> None:
        """Forget an item that was taken."""
        self._known.pop(identity, None)
