"""Tells masters of each document when it is found, where a transport does that."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from pdfspider.frontier.found import Found
from pdfspider.frontier.owed import only_task
from pdfspider.gateway.publishing import Publishing, take
from pdfspider.gateway.transport import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from pdfspider.frontier.found import Note
    from pdfspider.gateway.results import ResultMaker
    from pdfspider.gateway.transport import Transport

AT_ONCE = 100
WAIT = 5.0


class Telling:
    """Publishes the events of one transport: before each is marked as told, and until it is."""

    def __init__(self, redis: Redis, transport: Transport, results: ResultMaker) -> None:
        self._redis, self._found = redis, Found(redis, transport.name)
        self.transport, self._results = transport, results
        self._publish = Publishing("Documents", transport.name)
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            runs = defaultdict(list)
            for note in await take(lambda: self._found.next(AT_ONCE, WAIT)):
                runs[note.run].append(note)
            async with asyncio.TaskGroup() as telling:
                for notes in runs.values():
                    telling.create_task(self._publish(partial(self._try, notes), notes[0].job))

    async def finish(self, job: str, run: int) -> None:
        """What was found in a run and is not told yet. Raises TransportError, RecordsError and RedisError."""
        async with self._turn(run):
            while left := await self._found.any_untold(run, AT_ONCE):
                await self._tell(job, run, left)

    async def _try(self, notes: Sequence[Note]) -> None:
        """Notes of one run."""
        job, run = notes[0].job, notes[0].run
        async with self._turn(run):
            if untold := await self._found.untold(run, [note.fingerprint for note in notes]):
                await self._tell(job, run, untold)
        await self._found.settle(notes)

    def _turn(self, run: int) -> asyncio.Lock:
        """So that nothing is told twice at a time."""
        return self._turns.setdefault(run, asyncio.Lock())

    async def _tell(self, job: str, run: int, fingerprints: Sequence[bytes]) -> None:
        events = await self._results.events(job, run, fingerprints)
        task = await only_task(self._redis, self.transport.name, run)
        whose = {"task_id": json.loads(task[1])["task_id"] if task else None}
        calls = [self.transport.tell(_event({**whose, **event})) for event in events.values()]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        errors = {fp: error for fp, error in zip(events, answers, strict=True) if error}
        if told := [fp for fp in fingerprints if fp not in errors]:
            await self._found.told(run, told)
        for error in errors.values():
            raise error


def _event(told: dict[str, Any]) -> Event:
    return Event(id=told["id"], job=told["job"], body=json.dumps(told, ensure_ascii=False, default=str).encode())
