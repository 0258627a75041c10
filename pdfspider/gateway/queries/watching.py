"""A job, as whoever watches it sees it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pdfspider.frontier.pending_events import Log
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from typing import TypeVar

    from pdfspider.gateway.service import GatewayService

    T = TypeVar("T")

AT_ONCE = 500
POSITION = re.compile(r"([0-9]{1,15}):(?:(end)|([0-9]{1,20}-[0-9]{1,20})(?::([0-9a-f]{16}))?)?", re.ASCII)


class Position(NamedTuple):
    """How far somebody has been told of a job; as text ``RUN:``, ``RUN:LOG``, ``RUN:LOG:FINGERPRINT``, ``RUN:end``."""

    run: int
    log: str = ""
    """The last entry of the run's log."""
    fingerprint: str = ""
    """The last document from the database, while these are told."""
    ended: bool = False
    """The result was the last."""

    def __str__(self) -> str:
        last = "end" if self.ended else ":".join(filter(None, (self.log, self.fingerprint)))
        return f"{self.run}:{last}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the position that a text stands for; None if it is none."""
        if not (match := POSITION.fullmatch(text)):
            return None
        return cls(int(match[1]), match[3] or "", match[4] or "", bool(match[2]))


class Told(NamedTuple):
    """One event, and where somebody stands who has got it."""

    name: str
    data: dict[str, Any]
    position: Position


async def watch(
    service: GatewayService, job: str, *, documents: bool, run: int = 0, after: Position | None = None
) -> AsyncGenerator[Told, None]:
    """Yield ``status`` whenever it has changed, and ``document`` for each one that was found, before or meanwhile; of
    that ``run`` alone, if one is named; documents from behind ``after`` on, as far as that is known still.

    All documents come before the last status, each at least once. Raises JobNotFound, InvalidInput, RecordsError and
    RedisError.
    """
    found: list[Documents] = []
    async for status in service.watch(job):
        current = run or status["run"]
        if documents and not (found and found[-1].position.run == current):
            found = [*found[-1:], Documents(service, job, current, after)]  # the one before may have had some more
        for one in found:
            async for event in one.new():
                yield Told("document", event, one.position)
        if current != status["run"]:
            return
        yield Told("status", status, found[-1].position if found else Position(current))


class Documents:
    """Those of a run: first all that the database has, then what the run's log says, which begins before that."""

    def __init__(self, service: GatewayService, job: str, run: int, after: Position | None = None) -> None:
        self.position = Position(run)
        """That of the last document."""
        self._after = after if after and after.run == run else None
        self._desk, self._job = service, job
        self._log = Log(service.frontier.redis, run)
        self._begun = False

    async def new(self) -> AsyncIterator[dict[str, Any]]:
        """What was found since the last call."""
        if not self._begun:
            async for event in self._begin():
                yield event
            self._begun = True
        run = self.position.run
        while entries := await self._log.next(AT_ONCE):
            events = await self._desk.events(self._job, run, list(entries.values()))
            for entry, fingerprint in entries.items():
                self.position = Position(run, entry)
                if fingerprint in events:
                    yield events.pop(fingerprint)

    async def _begin(self) -> AsyncIterator[dict[str, Any]]:
        await self._desk.control(self._job, "log")
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
        while events := await self._desk.events_after(self._job, self.position.run, last):
            for told in events.items():
                yield told
            *_, last = events


async def with_pauses(events: AsyncGenerator[T, None], interval: float) -> AsyncGenerator[T | None, None]:
    """Yield what comes, and None whenever nothing has come for so many seconds (0: never)."""
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
