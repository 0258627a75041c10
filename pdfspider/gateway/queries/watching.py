"""Watch a job: its status and its documents."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pdfspider.frontier.results.pending_events import RunLog
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from typing import TypeVar

    from pdfspider.gateway.service import GatewayService

    T = TypeVar("T")

BATCH_SIZE = 500
POSITION = re.compile(r"([0-9]{1,15}):(?:(end)|([0-9]{1,19}-[0-9]{1,19})(?::([0-9a-f]{16}))?)?", re.ASCII)


class Position(NamedTuple):
    """The point up to which a client has followed a job.

    Its text is ``RUN:``, ``RUN:LOG``, ``RUN:LOG:FINGERPRINT`` or ``RUN:end``.
    """

    run: int
    log: str = ""
    """The last entry of the run's log."""
    fingerprint: str = ""
    """The last document that was sent from the database."""
    ended: bool = False
    """True after the result."""

    def __str__(self) -> str:
        last = "end" if self.ended else ":".join(filter(None, (self.log, self.fingerprint)))
        return f"{self.run}:{last}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the position that a text stands for, None if it is none."""
        if not (match := POSITION.fullmatch(text)):
            return None
        return cls(int(match[1]), match[3] or "", match[4] or "", bool(match[2]))


class WatchedEvent(NamedTuple):
    """One event, and the position of a client that has it."""

    name: str
    data: dict[str, Any]
    position: Position


async def watch(
    service: GatewayService, job: str, *, documents: bool, run: int = 0, after: Position | None = None
) -> AsyncGenerator[WatchedEvent, None]:
    """Yield ``status`` at each change, and ``document`` for each document found before or meanwhile.

    ``run`` limits this to one run. Documents begin after the position ``after``, if that is still known. All documents
    come before the last status, each at least once. Raises JobNotFound, InvalidInput, RecordsError and RedisError.
    """
    found: list[RunDocuments] = []
    async for status in service.watch(job):
        current = run or status["run"]
        if documents and not (found and found[-1].position.run == current):
            found = [*found[-1:], RunDocuments(service, job, current, after)]  # the previous run may have had more
        for one in found:
            async for event in one.new():
                yield WatchedEvent("document", event, one.position)
        if current != status["run"]:
            return
        yield WatchedEvent("status", status, found[-1].position if found else Position(current))


class RunDocuments:
    """The documents of a run: first those in the database, then those in the run's log, which begins earlier."""

    def __init__(self, service: GatewayService, job: str, run: int, after: Position | None = None) -> None:
        self.position = Position(run)
        """The position of the last document."""
        self._after = after if after and after.run == run else None
        self._service, self._job = service, job
        self._log = RunLog(service.frontier.redis, run)
        self._begun = False

    async def new(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the documents that were found since the last call."""
        if not self._begun:
            async for event in self._begin():
                yield event
            self._begun = True
        run = self.position.run
        while entries := await self._log.next(BATCH_SIZE):
            events = await self._service.events(self._job, run, list(entries.values()))
            for entry, fingerprint in entries.items():
                self.position = Position(run, entry)
                if fingerprint in events:
                    yield events.pop(fingerprint)

    async def _begin(self) -> AsyncIterator[dict[str, Any]]:
        await self._service.control(self._job, "log")
        after, run = self._after, self.position.run
        if after and await self._log.resume(after.log):
            last = bytes.fromhex(after.fingerprint)
        else:
            after, last = None, b""
            await self._log.skip()
        if not after or last:
            async for fingerprint, event in self._recorded(last or None):
                self.position = Position(run, self._log.last, fingerprint.hex())
                yield event
        self.position = Position(run, self._log.last)

    async def _recorded(self, last: bytes | None) -> AsyncIterator[tuple[bytes, dict[str, Any]]]:
        while events := await self._service.events_after(self._job, self.position.run, last):
            for told in events.items():
                yield told
            *_, last = events


async def with_pauses(events: AsyncGenerator[T, None], interval: float) -> AsyncGenerator[T | None, None]:
    """Yield the events, and None whenever there was none for ``interval`` seconds (0: never)."""
    coming: asyncio.Future[T] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait([coming], timeout=interval or None)
            if not done:
                yield None
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield event
    finally:
        if coming:
            await end([coming])
        await events.aclose()
