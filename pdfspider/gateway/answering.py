"""Answers masters when what they handed in has ended."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from pdfspider.crawl.outage import Outage
from pdfspider.frontier.owed import Owed
from pdfspider.gateway.publishing import Publishing, take
from pdfspider.gateway.results import result_for
from pdfspider.gateway.transport import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from pdfspider.frontier.owed import Ended
    from pdfspider.gateway.results import ResultMaker
    from pdfspider.gateway.telling import Telling
    from pdfspider.gateway.transport import Result, Transport

AT_ONCE = 32
WAIT = 5.0


class Answering:
    """Publishes the results of one transport: before each is marked as delivered, and until it is."""

    def __init__(
        self, redis: Redis, transport: Transport, results: ResultMaker, telling: Telling | None = None
    ) -> None:
        self._owed = Owed(redis, transport.name)
        self.transport, self._results, self._telling = transport, results, telling
        self._cut = Outage(f"Results are cut where they are too large for {transport.name}", "")
        self._publish = Publishing("Results", transport.name)
        self._under_way: dict[bytes, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled. Results that cannot be published keep no others waiting, unless there are ``AT_ONCE``."""
        async with asyncio.TaskGroup() as answers:
            while True:
                if len(self._under_way) == AT_ONCE:
                    await asyncio.wait(self._under_way.values(), return_when=asyncio.FIRST_COMPLETED)
                for ended in await take(self._next):
                    if ended.id not in self._under_way:  # or it is this gateway's own, begun long ago
                        self._under_way[ended.id] = answers.create_task(self._answer_all(ended))

    async def _next(self) -> list[Ended]:
        return await self._owed.next(max(AT_ONCE - len(self._under_way), 1), WAIT)

    async def _answer_all(self, ended: Ended) -> None:
        try:
            await self._publish(partial(self._try, ended), ended.job)
        finally:
            del self._under_way[ended.id]

    async def _try(self, ended: Ended) -> None:
        if self._telling:
            await self._telling.finish(ended.job, ended.run)
        described = None
        async for key, record in self._owed.tasks(ended.run):
            described = described or await self._results.describe(ended.job, ended.run, ended.state)
            await self._answer(partial(result_for, ended, described, key, record))
            await self._owed.settle_task(ended.run, key, record)
        await self._owed.settle(ended)

    async def _answer(self, result_of: Callable[[int], Result]) -> None:
        """Publishes the result, or one of half the size where that is too large, as far as it can be made smaller."""
        limit = self._results.limit
        while True:
            result = result_of(limit)
            try:
                await self.transport.publish(result)
                self.transport.health.published += 1
                return
            except TooLargeError as error:
                half = len(result.body) // 2
                if limit and half >= limit:
                    raise
                limit = half
                self._cut.begin(error)
