"""Answers masters when what they handed in has ended."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pdfspider.crawl.outage import Outage
from pdfspider.exceptions import RecordsError
from pdfspider.frontier.owed import Owed
from pdfspider.gateway.results import result_for
from pdfspider.gateway.transport import TransportError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from pdfspider.frontier.owed import Ended
    from pdfspider.gateway.results import ResultMaker
    from pdfspider.gateway.transport import Transport

logger = logging.getLogger(__name__)

AT_ONCE = 32
WAIT = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0


class Answering:
    """Publishes the results of one transport: before each is marked as delivered, and until it is."""

    def __init__(self, redis: Redis, transport: Transport, results: ResultMaker) -> None:
        self._owed = Owed(redis, transport.name)
        self._transport, self._results = transport, results
        self._trouble = Outage(
            f"Results cannot be published by {transport.name}: they wait", f"{transport.name} takes results again"
        )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                found = await self._owed.next(AT_ONCE, WAIT)
            except RedisError as error:
                logger.warning("Redis cannot be used: %s", error)
                await asyncio.sleep(1)
                continue
            async with asyncio.TaskGroup() as answers:
                for ended in found:
                    answers.create_task(self._answer(ended))

    async def _answer(self, ended: Ended) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._try(ended)
            except (TransportError, RecordsError, RedisError) as error:
                self._trouble.begin(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception:  # it stays owed, and keeps no other waiting
                logger.exception("The result of job %s cannot be published by %s", ended.job, self._transport.name)
                return
            else:
                self._trouble.end()
                return

    async def _try(self, ended: Ended) -> None:
        described = None
        async for key, record in self._owed.tasks(ended.run):
            described = described or await self._results.describe(ended.job, ended.run, ended.state)
            await self._transport.publish(result_for(ended, described, key, record))
            await self._owed.settle_task(ended.run, key)
        await self._owed.settle(ended)
