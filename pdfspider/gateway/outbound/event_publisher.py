"""Publish an event for each document when it is found, for transports that do so."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from redis.exceptions import RedisError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.exceptions import RecordsError
from pdfspider.frontier.results.pending_events import PendingEvents
from pdfspider.frontier.results.pending_results import only_task
from pdfspider.gateway.base import Event, RefusedError, RejectedError, TooLargeError, TransportError
from pdfspider.gateway.outbound.destinations import Destinations
from pdfspider.gateway.outbound.publisher import PendingItems, Postponed
from pdfspider.tasks import end, raise_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from redis.asyncio import Redis

    from pdfspider.frontier.results.pending_events import PendingEvent
    from pdfspider.frontier.results.stream_consumer import OthersRun
    from pdfspider.gateway.base import Transport
    from pdfspider.gateway.outbound.results import ResultMaker

logger = logging.getLogger(__name__)

BATCH_SIZE = 100
MAX_PENDING = 1000
"""Notes of one run that wait here; the rest waits in the frontier."""
MAX_RUNS = 100
POLL_TIMEOUT_S = 5.0
RETRY_DELAY_S = 1.0


class EventPublisher:
    """Publishes the events of one transport, each at least once.

    An event is marked as told only after it was published. A run whose events are refused delays no other run. An event
    that is refused for good is dropped, because the document is also in the result.
    """

    def __init__(
        self, redis: Redis, transport: Transport, results: ResultMaker, others_run: OthersRun | None = None
    ) -> None:
        self._redis, self._found = redis, PendingEvents(redis, transport.name, others_run)
        self.transport, self._results = transport, results
        self._destinations = Destinations("Documents", transport.name)
        self._trouble = ConditionLogger(
            f"Documents for {transport.name} cannot be read: they wait", "Documents are read again"
        )
        self._notes = PendingItems("Documents", transport.name, lambda: self._found.next(BATCH_SIZE, POLL_TIMEOUT_S))
        self._postponed = Postponed()
        self._pending: dict[int, list[PendingEvent]] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Publish events until cancelled."""
        try:
            while not self._stopped:
                if len(self._under_way) >= MAX_RUNS:
                    await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                for note in await self._notes.take():
                    if self._add(note):
                        task = asyncio.create_task(self._tell_run(note.job, note.run))
                        self._under_way.add(task)
                        task.add_done_callback(self._under_way.discard)
            await asyncio.Event().wait()
        finally:
            await end(self._under_way)
            self._pending.clear()

    async def stop(self, timeout: float) -> None:
        """Begin no more, and wait at most so many seconds for what is being published."""
        self._stopped = True
        if self._under_way and not self._destinations[""].is_closed:
            await asyncio.wait(self._under_way, timeout=timeout)

    async def give_back(self) -> None:
        """Make the events that are not published available to other gateways at once.

        Raises RedisError.
        """
        await self._found.give_back()

    def _add(self, note: PendingEvent) -> bool:
        """Return whether a task has to be started for this run."""
        if self._stopped or not self._postponed.is_due(_name(note.run)):
            return False
        if notes := self._pending.get(note.run):
            notes += [note] if len(notes) < MAX_PENDING else []
            return False
        self._pending[note.run] = [note]
        return True

    async def _tell_run(self, job: str, run: int) -> None:
        notes = self._pending[run]
        try:
            while notes:
                raise_if_cancelled()
                some = notes[:BATCH_SIZE]
                if await self._is_told(run, partial(self._try, some)):
                    del notes[: len(some)]
                elif not self._postponed.is_due(_name(run)):
                    return
        except Exception:  # they are still pending, and delay nothing else
            logger.exception("Documents of job %s cannot be published by %s", job, self.transport.name)
        finally:
            del self._pending[run]

    async def _is_told(self, run: int, attempt: Callable[[], Awaitable[None]]) -> bool:
        """Make one attempt, and wait after a failure, but no longer than is useful."""
        destination = self._destinations[""]
        if permitted := destination.is_closed:
            await destination.turn()
        try:
            await destination.send(attempt, permitted=permitted)
        except RefusedError as error:
            self.transport.health.note(error)
            await self._postponed.wait(_name(run))
        except TransportError:
            return False
        except (RecordsError, RedisError) as error:
            self._trouble.begin(error)
            await asyncio.sleep(RETRY_DELAY_S)
        else:
            self._trouble.end()
            self._postponed.forget(_name(run))
            return True
        return False

    async def finish(self, job: str, run: int) -> None:
        """Publish all events of a run that are still pending.

        Raises TransportError, RecordsError and RedisError.
        """
        async with self._turn(run):
            while left := await self._found.any_untold(run, BATCH_SIZE):
                await self._tell(job, run, left)

    async def _try(self, notes: Sequence[PendingEvent]) -> None:
        """Publish the events for notes of one run."""
        job, run = notes[0].job, notes[0].run
        async with self._turn(run):
            if untold := await self._found.untold(run, [note.fingerprint for note in notes]):
                await self._tell(job, run, untold)
        await self._found.settle(notes)

    def _turn(self, run: int) -> asyncio.Lock:
        """Return the lock that keeps two tasks from publishing the same event."""
        return self._turns.setdefault(run, asyncio.Lock())

    async def _tell(self, job: str, run: int, fingerprints: Sequence[bytes]) -> None:
        events = await self._results.events(job, run, fingerprints)
        task = await only_task(self._redis, self.transport.name, run)
        whose = {"task_id": json.loads(task[1])["task_id"] if task else None}
        calls = [self.transport.tell(_event({**whose, **event})) for event in events.values()]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        errors = {fp: error for fp, error in zip(events, answers, strict=True) if error}
        for fingerprint, error in list(errors.items()):
            if isinstance(error, (RejectedError, TooLargeError)):
                logger.warning(
                    "The event of a document of job %s is dropped by %s: %s", job, self.transport.name, error
                )
                self.transport.health.note(errors.pop(fingerprint))
        if told := [fp for fp in fingerprints if fp not in errors]:
            await self._found.told(run, told)
        for error in errors.values():
            raise error


def _name(run: int) -> bytes:
    return str(run).encode()


def _event(told: dict[str, Any]) -> Event:
    return Event(id=told["id"], job=told["job"], body=json.dumps(told, ensure_ascii=False, default=str).encode())
