"""Notice jobs that have URLs and make no progress."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.frontier.reports.fleet import frontier_time
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdfspider.frontier.frontier import Frontier

logger = logging.getLogger(__name__)

PROGRESS_KEY = f"{PREFIX}progress"
TURN_KEY = f"{PREFIX}progress:turn"
MAX_PERIOD_S = 60.0
MAX_EVENTS = 10_000


class StallWatch:
    """Notes each stall of a job once as an event; one process of the fleet looks at a time."""

    def __init__(self, frontier: Frontier, after: float) -> None:
        self._frontier, self._redis, self._after = frontier, frontier.redis, after
        self._period = min(MAX_PERIOD_S, after / 4)

    async def run(self) -> None:
        """Look until cancelled, for ever without an effect where no time was set."""
        while self._after:
            with suppress(RedisError):
                if await self._redis.set(TURN_KEY, b"", nx=True, px=int(self._period * 1000)):
                    await self.look()
            await asyncio.sleep(self._period)

    async def look(self) -> None:
        """Compare each open job with what it was, and note the stalls.

        Raises RedisError.
        """
        now = await frontier_time(self._redis)
        known = {run.decode(): value for run, value in (await self._redis.hgetall(PROGRESS_KEY)).items()}
        seen = set()
        async for name, status in self._frontier.jobs():
            if status["state"] == "running" and status["queued"] + status["delayed"] + status["leased"]:
                run = str(status["run"])
                seen.add(run)
                await self._compare(name, status, known.get(run, b""), now)
        if gone := known.keys() - seen:
            await self._redis.hdel(PROGRESS_KEY, *gone)

    async def _compare(self, name: str, status: Mapping[str, Any], before: bytes, now: int) -> None:
        """Compare one job; ``before`` has its ended URLs, since when there were so many, and whether that was told."""
        ended = status["done"] + status["dead"]
        known = before.split()
        if len(known) != 3 or int(known[0]) != ended:
            await self._redis.hset(PROGRESS_KEY, status["run"], f"{ended} {now} 0")
        elif known[2] == b"0" and now - int(known[1]) >= self._after * 1000:
            fields: Any = {"event": "stalled", "job": name, "run": status["run"]}
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(PROGRESS_KEY, status["run"], f"{ended} {int(known[1])} 1")
                pipe.xadd(f"{PREFIX}events", fields, maxlen=MAX_EVENTS, approximate=True)
                await pipe.execute()
            logger.warning("The job %s has stalled: no URL has ended for %g s", name, self._after)
