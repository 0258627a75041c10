"""What publishing results and events has in common."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

logger = logging.getLogger(__name__)

FIRST_PAUSE, SHORT_PAUSE, LONGEST_PAUSE = 0.25, 8.0, 900.0
REMEMBERED = 10_000


async def take(take_next: Callable[[], Awaitable[Sequence[T]]]) -> Sequence[T]:
    """What the frontier has noted; nothing while Redis is away."""
    try:
        return await take_next()
    except RedisError as error:
        logger.warning("Redis cannot be used: %s", error)
        await asyncio.sleep(1)
        return ()


class Postponed:
    """What was refused itself, and when each is tried again: ever later, in a quarter of an hour at most.

    Those whose pause is short are waited for; the frontier gives the others again each minute.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        """Pause and time of the next try."""

    def is_due(self, identity: bytes) -> bool:
        _, at = self._known.get(identity, (0.0, 0.0))
        return asyncio.get_running_loop().time() >= at

    async def wait(self, identity: bytes) -> bool:
        """Note that this was refused once more. Return whether it is to be tried again now, after a short pause."""
        pause, _ = self._known.pop(identity, (0.0, 0.0))
        pause = min(2 * pause, LONGEST_PAUSE) or FIRST_PAUSE
        self._known[identity] = pause, asyncio.get_running_loop().time() + pause
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if pause > SHORT_PAUSE:
            return False
        await asyncio.sleep(pause)
        return True

    def forget(self, identity: bytes) -> None:
        self._known.pop(identity, None)
