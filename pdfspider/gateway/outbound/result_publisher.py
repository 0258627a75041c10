"""Publish results to masters when their runs have ended."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.exceptions import RecordsError
from pdfspider.frontier.results.pending_results import PendingResults
from pdfspider.gateway.base import RejectedError, TooLargeError
from pdfspider.gateway.outbound.destinations import Destinations
from pdfspider.gateway.outbound.publisher import PendingItems, Postponed
from pdfspider.gateway.outbound.results import result_for
from pdfspider.gateway.outbound.round import Round
from pdfspider.tasks import end, raise_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis

    from pdfspider.frontier.results.pending_results import EndedRun
    from pdfspider.frontier.results.stream_consumer import OthersRun
    from pdfspider.gateway.base import Result, Transport
    from pdfspider.gateway.outbound.destinations import Destination
    from pdfspider.gateway.outbound.event_publisher import EventPublisher
    from pdfspider.gateway.outbound.results import ResultMaker

logger = logging.getLogger(__name__)

BATCH_SIZE = 32
MAX_IN_FLIGHT = 1000
"""Runs that are published or wait for a destination; the rest waits in the frontier."""
POLL_TIMEOUT_S = 5.0
RETRY_DELAY_S = 1.0


class ResultPublisher:
    """Publishes the results of one transport, each at least once.

    A result is marked as delivered only after it was published. A destination that fails delays only its own results,
    and a result that is refused delays only itself. A result that is refused for good is stored with the frontier's
    undelivered results.
    """

    def __init__(
        self,
        redis: Redis,
        transport: Transport,
        results: ResultMaker,
        events: EventPublisher | None = None,
        others_run: OthersRun | None = None,
    ) -> None:
        self._pending_results = PendingResults(redis, transport.name, others_run)
        self.transport, self._results, self._events = transport, results, events
        self._cut = ConditionLogger(f"Results that are too large are shortened for {transport.name}", "")
        self._trouble = ConditionLogger(
            f"Results for {transport.name} cannot be made: they wait", "Results are made again"
        )
        self._destinations = Destinations("Results", transport.name)
        self._pending = PendingItems("Results", transport.name, self._next)
        self._postponed = Postponed()
        self._under_way: dict[bytes, asyncio.Task[None]] = {}
        self._waiting: dict[bytes, None] = {}
        """Runs that wait for a destination, in the order in which they began to wait."""

        self._stirred = asyncio.Event()
        """Set when a run has ended or waits."""
        self._stopped = False

    async def run(self) -> None:
        """Publish results until cancelled."""
        try:
            while not self._stopped:
                await self._make_room()
                for ended in await self._pending.take():
                    # It may be this gateway's own, which has run for long.
                    free = ended.id not in self._under_way and not self._stopped
                    if free and self._postponed.is_due(ended.id):
                        self._under_way[ended.id] = asyncio.create_task(self._answer_all(ended))
            await asyncio.Event().wait()
        finally:
            await end(self._under_way.values())
            self._under_way.clear()

    async def stop(self, timeout: float) -> None:
        """Begin no more, and wait at most so many seconds for what is being published."""
        self._stopped = True
        if busy := [task for run, task in self._under_way.items() if run not in self._waiting]:
            await asyncio.wait(busy, timeout=timeout)

    async def give_back(self) -> None:
        """Make the results that are not published available to other gateways at once.

        Raises RedisError.
        """
        await self._pending_results.give_back()

    async def _next(self) -> list[EndedRun]:
        return await self._pending_results.next(min(BATCH_SIZE, MAX_IN_FLIGHT - len(self._under_way)), POLL_TIMEOUT_S)

    async def _make_room(self) -> None:
        """Drop the newest waiting runs in favour of others; the frontier returns them a minute later.

        The one that has waited longest stays, or nobody would be there when a destination may be tried again.
        """
        while len(self._under_way) >= MAX_IN_FLIGHT:
            if self.transport.has_destinations and (last := list(self._waiting)[1:][-BATCH_SIZE:]):
                await end([self._under_way[identity] for identity in last])
            else:
                self._stirred.clear()
                await self._stirred.wait()

    async def _answer_all(self, ended: EndedRun) -> None:
        try:
            await self._go_on(ended)
        except Exception:  # the results are still pending, and delay nothing else
            logger.exception("Results of job %s cannot be published by %s", ended.job, self.transport.name)
        finally:
            self._waiting.pop(ended.id, None)
            self._under_way.pop(ended.id, None)
            self._stirred.set()

    async def _go_on(self, ended: EndedRun) -> None:
        """Publish in rounds, until all messages have their result or the rest has to be postponed."""
        permitted: Destination | None = None
        while True:
            raise_if_cancelled()
            try:
                left = await self._round(ended, permitted)
                if not (left.closed or left.refused):
                    await self._pending_results.settle(ended)
            except (RecordsError, RedisError) as error:
                self._trouble.begin(error)
                await asyncio.sleep(RETRY_DELAY_S)
                continue
            self._trouble.end()
            if left.closed:
                self._waiting[ended.id] = None
                self._stirred.set()
                permitted = await left.turn()
                self._waiting.pop(ended.id, None)
            elif left.refused:
                self.transport.health.note(left.refused)
                if not await self._postponed.wait(ended.id):
                    return
            else:
                self._postponed.forget(ended.id)
                return

    async def _round(self, ended: EndedRun, permitted: Destination | None) -> Round:
        """Publish to all destinations that are open, and to the permitted one, and return the rest."""
        this = Round(permitted)
        if self._events and not await this.send(
            self._destinations[""], partial(self._events.finish, ended.job, ended.run)
        ):
            return this
        described: dict[str, Any] = {}

        async def describe() -> dict[str, Any]:
            """Describe the run once, and only if something is sent, because the description may be large."""
            if not described:
                described.update(await self._results.describe(ended.job, ended.run, ended.state))
            return described

        async for key, record in self._pending_results.tasks(ended.run):
            destination = self._destinations[self.transport.destination(json.loads(record)["reply"])]
            await this.send(destination, partial(self._answer, ended, key, record, describe))
        return this

    async def _answer(
        self, ended: EndedRun, key: bytes, record: bytes, describe: Callable[[], Awaitable[dict[str, Any]]]
    ) -> None:
        result_of = partial(result_for, ended, await describe(), key, record)
        try:
            await self._publish(result_of)
        except (RejectedError, TooLargeError) as error:
            logger.warning(
                "A result of job %s is stored as undelivered by %s: %s", ended.job, self.transport.name, error
            )
            self.transport.health.note(error)
            await self._pending_results.give_up(ended, key, record, str(error))
        else:
            self.transport.health.published += 1
            await self._pending_results.settle_task(ended.run, key, record)

    async def _publish(self, result_of: Callable[[int], Result]) -> None:
        """Publish the result, at half the size while it is too large and can be made smaller."""
        limit = self._results.limit
        while True:
            result = result_of(limit)
            try:
                return await self.transport.publish(result)
            except TooLargeError as error:
                half = len(result.body) // 2
                if limit and half >= limit:
                    raise
                limit = half
                self._cut.begin(error)
