"""What publishing results and events has in common."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pdfspider.crawl.outage import Outage
from pdfspider.exceptions import RecordsError
from pdfspider.gateway.transport import TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0


async def take(take_next: Callable[[], Awaitable[Sequence[T]]]) -> Sequence[T]:
    """What the frontier has noted; nothing while Redis is away."""
    try:
        return await take_next()
    except RedisError as error:
        logger.warning("Redis cannot be used: %s", error)
        await asyncio.sleep(1)
        return ()


class Publishing:
    """Publishes until that succeeds; ``what`` is published, by the transport called ``name``."""

    def __init__(self, what: str, name: str) -> None:
        self._what, self._name = what, name
        self._failing = 0
        self._trouble = Outage(f"{what} cannot be published by {name}: they wait", f"{name} takes {what.lower()} again")

    async def __call__(self, attempt: Callable[[], Awaitable[None]], job: str) -> None:
        if await self._is_done(attempt, job):
            return
        self._failing += 1
        try:
            await self._go_on(attempt, job)
        finally:
            self._failing -= 1
        if not self._failing:
            self._trouble.end()

    async def _go_on(self, attempt: Callable[[], Awaitable[None]], job: str) -> None:
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(pause)
            if await self._is_done(attempt, job):
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _is_done(self, attempt: Callable[[], Awaitable[None]], job: str) -> bool:
        """Whether there is no use in another attempt."""
        try:
            await attempt()
        except (TransportError, RecordsError, RedisError) as error:
            self._trouble.begin(error)
            return False
        except Exception:  # it is owed still, and keeps nothing else waiting
            logger.exception("%s of job %s cannot be published by %s", self._what, job, self._name)
        return True
