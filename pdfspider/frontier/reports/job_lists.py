"""Lists of jobs: all of them, the newest first, and those that have not ended; each call reads a bounded part."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.frontier.jobs import COUNTERS, status_of
from pdfspider.frontier.scripts import PREFIX
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from redis.asyncio import Redis

RECENT_KEY, OPEN_KEY = f"{PREFIX}recent", f"{PREFIX}open"
PAGE_SIZE = 500
COMPLETE_INTERVAL_S = 60.0
"""Seconds between two tries to list jobs that are not listed: what has no run never can be."""
OPTION_FIELDS = ("delay", "cap", "robots", "max_pages", "max_documents", "max_time", "anchors", "due", "retention")
TIME_FIELDS = ("opened", "finished", "deadline")
CLASS_FIELDS = tuple(f"c:{outcome.code}" for outcome in Outcome)
FIELDS = ("state", "sealed", "bytes", "spilled", "masters", *COUNTERS, *OPTION_FIELDS, *TIME_FIELDS, *CLASS_FIELDS)
"""The fields of a job's hash that are shown; ``meta`` may be large and is left out."""


class JobPage(NamedTuple):
    """A part of a list of jobs; ``next`` is where the following part begins, 0 at the end."""

    jobs: list[dict[str, Any]]
    next: int


class JobLists:
    """Reads the lists of jobs.

    A frontier whose jobs are older than the lists has them listed first.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._complete_at = 0.0
        self._list = redis.register_script((files("pdfspider.frontier") / "lua/list_jobs.lua").read_text("utf-8"))

    async def page(self, limit: int, before: int = 0, *, only_open: bool = False) -> JobPage:
        """Return up to ``limit`` jobs whose newest runs were opened before that run, the newest first."""
        await self.complete()
        key, start = OPEN_KEY if only_open else RECENT_KEY, f"({before}" if before else "+inf"
        found = await self._redis.zrevrangebyscore(key, start, "-inf", start=0, num=limit + 1, withscores=True)
        listed = [(name.decode(), int(run)) for name, run in found]
        jobs = await self.read(listed[:limit])
        return JobPage(jobs, listed[limit - 1][1] if len(listed) > limit else 0)

    async def read(self, listed: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
        """Return the status of these jobs, given as names and runs, with name and options.

        Those that are gone are left out.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            for _, run in listed:
                pipe.hmget(f"{PREFIX}job:{run}", FIELDS)
                pipe.scard(f"{PREFIX}job:{run}:hosts")
            answers = await pipe.execute()
        found = zip(listed, answers[::2], answers[1::2], strict=True)
        return [_described(name, run, values, hosts) for (name, run), values, hosts in found if values[0] is not None]

    async def names(self, runs: Sequence[int]) -> dict[int, str]:
        """Return the names of the jobs of these runs; those that are gone are left out."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for run in runs:
                pipe.hget(f"{PREFIX}job:{run}", "name")
            names = await pipe.execute() if runs else []
        return {run: name.decode() for run, name in zip(runs, names, strict=True) if name}

    async def open_jobs(self) -> AsyncIterator[dict[str, Any]]:
        """Yield all jobs that have not ended."""
        before = 0
        while True:
            page = await self.page(PAGE_SIZE, before, only_open=True)
            for job in page.jobs:
                yield job
            if not (before := page.next):
                return

    async def counts(self) -> tuple[int, int]:
        """Return the number of all jobs and of those that have not ended."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hlen(f"{PREFIX}jobs")
            pipe.zcard(OPEN_KEY)
            known, is_open = await pipe.execute()
        return known, is_open

    async def complete(self) -> None:
        """List the jobs of a frontier that has none listed, or not all."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hlen(f"{PREFIX}jobs")
            pipe.zcard(RECENT_KEY)
            known, listed = await pipe.execute(raise_on_error=False)
        if known == listed or time.monotonic() < self._complete_at:
            return
        self._complete_at = time.monotonic() + COMPLETE_INTERVAL_S
        cursor = 0
        while True:
            cursor, page = await self._redis.hscan(f"{PREFIX}jobs", cursor, count=PAGE_SIZE)
            if page:
                await self._list(args=list(page))
            if not cursor:
                return


def _described(name: str, run: int, values: Sequence[bytes | None], hosts: int) -> dict[str, Any]:
    """Return the status of a job with its options; times in milliseconds, 0 where there is none."""
    raw = {field.encode(): value for field, value in zip(FIELDS, values, strict=True) if value is not None}
    numbers = {
        field: int(raw.get(field.encode(), 0))
        for field in (*OPTION_FIELDS, *TIME_FIELDS, "spilled")
        if field != "anchors"
    }
    texts = {field: raw.get(field.encode(), b"").decode() for field in ("anchors", "masters")}
    return {"name": name, **status_of({**raw, b"run": str(run).encode()}), **numbers, **texts, "hosts": hosts}
