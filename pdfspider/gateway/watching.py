"""A job, as whoever watches it sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdfspider.frontier.found import Log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pdfspider.gateway.desk import Desk

AT_ONCE = 500


async def watch(desk: Desk, job: str, *, documents: bool, run: int = 0) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """``status`` whenever it has changed, and ``document`` for each one that was found, before or meanwhile; of that
    ``run`` alone, if one is named.

    All documents come before the last status, each at least once. Raises JobNotFound, InvalidInput, RecordsError and
    RedisError.
    """
    found: list[Documents] = []
    async for status in desk.watch(job):
        current = run or status["run"]
        if documents and not (found and found[-1].run == current):
            found = [*found[-1:], Documents(desk, job, current)]  # the one before may have had some more
        for one in found:
            async for event in one.new():
                yield "document", event
        if current != status["run"]:
            return
        yield "status", status


class Documents:
    """Those of a run: first all that the database has, then what the run's log says, which begins before that."""

    def __init__(self, desk: Desk, job: str, run: int) -> None:
        self.run = run
        self._desk, self._job = desk, job
        self._log = Log(desk.frontier.redis, run)
        self._begun = False

    async def new(self) -> AsyncIterator[dict[str, Any]]:
        """What was found since the last call."""
        if not self._begun:
            await self._desk.control(self._job, "log")
            await self._log.skip()
            async for event in self._recorded():
                yield event
            self._begun = True
        while fingerprints := await self._log.next(AT_ONCE):
            for event in (await self._desk.events(self._job, self.run, fingerprints)).values():
                yield event

    async def _recorded(self) -> AsyncIterator[dict[str, Any]]:
        last = None
        while events := await self._desk.events_after(self._job, self.run, last):
            for event in events.values():
                yield event
            *_, last = events
