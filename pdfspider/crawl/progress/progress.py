"""Show the progress of a crawl, and a summary at its end."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from redis.exceptions import RedisError
from scrapy import signals

from pdfspider.crawl.progress.display import line, panel, plain
from pdfspider.crawl.progress.job_stats import JobStats, Rates, own_classes
from pdfspider.crawl.progress.summary import crawl_summary
from pdfspider.crawl.progress.terminal import Terminal
from pdfspider.crawl.worker import Worker
from pdfspider.frontier.reports.dashboards import dashboard_url
from pdfspider.monitoring.outlook import slowest
from pdfspider.monitoring.reading import Monitor
from pdfspider.monitoring.reasons import reason

if TYPE_CHECKING:
    from rich.console import RenderableType
    from scrapy import Spider
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

SAID_REASONS = ("refused", "shutdown")
"""Close reasons of a worker that does not begin, and whose error says why."""
REFRESH_INTERVAL_S = 1.0
LAST_QUERY_TIMEOUT_S = 2.0
"""Seconds that the last look at the frontier may take."""
MAX_SILENCE_S = 60.0
SILENCE_S = 5.0
"""Seconds without an answer after which that is said."""
MAX_REST_S = 30.0
REASON_INTERVAL_S = 5.0
"""Seconds between two looks at what the job waits for."""
MAX_HOSTS = 16
MAX_JOBS_SUMMED = 500
"""Open jobs, the newest, that a worker which serves all sums up."""
REST_PER_QUERY = 20
"""After each query of the frontier, the progress pauses for at least so many times its duration."""


class Progress:
    """An extension that shows a panel in a terminal, or log lines elsewhere, and a summary in both.

    It never disturbs the crawl. If the frontier does not answer, it shows the last figures; if it fails itself, it
    stops.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._worker = crawler, Worker.of(crawler)
        self._interval, self._grace = self._worker.config.progress_interval, self._worker.config.grace
        self._terminal = Terminal(self._panel) if Terminal.is_there() else None
        self._stats = JobStats(name="", state="starting")
        self._paces = Rates()
        self._why = self._slowest = ""
        self._why_at = 0.0
        self._began = self._said_at = time.monotonic()
        self._asked_at: float | None = None
        self._said = self._stats
        self._stopping = self._has_started = False
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the extension."""
        progress = cls(crawler)
        crawler.signals.connect(progress.start, signals.engine_started)
        crawler.signals.connect(progress.stop, signals.spider_closed)
        return progress

    def start(self) -> None:
        """Start to show progress."""
        self._has_started = True
        if not hasattr(self._worker, "frontier"):  # another scheduler is at work
            return
        self._worker.before_close.append(self._look_a_last_time)
        self._task = asyncio.create_task(self._follow())
        if self._terminal:
            self._terminal.open()

    def stop(self, spider: Spider, reason: str) -> None:
        """Stop, and show the summary."""
        if self._task is None:
            if not self._has_started and reason not in SAID_REASONS:
                logger.info("Ended (%s) before it began", reason)
            return
        self._task.cancel()
        if self._terminal:
            self._terminal.close()
        try:
            self._conclude(crawl_summary(self._crawler, self._stats, reason, self._elapsed))
        except Exception:
            logger.debug("No summary can be given", exc_info=True)

    def _conclude(self, words: RenderableType) -> None:
        if self._terminal:
            self._terminal.console.print("", words, "", sep="\n", crop=False)
        else:
            logger.info("%s", plain(words))

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _panel(self) -> RenderableType:
        job_stats = self._stats
        if self._asked_at and time.monotonic() - self._asked_at > SILENCE_S:
            job_stats = replace(job_stats, state="the frontier does not answer")
        elif not self._crawler.crawling:
            job_stats = replace(job_stats, state=f"stopping: requests in flight have {self._grace:g} s")
        return panel(job_stats, self._paces, self._elapsed, self._slowest, self._why)

    async def _introduce(self) -> None:
        """Log what this worker does, and where it can be watched."""
        job, config = self._worker.job, self._worker.config.dashboard
        url = config.url if config.beside else ""
        with suppress(RedisError):
            url = url or await dashboard_url(self._worker.redis)
        task = f"works on job {job}" if job else "serves all jobs until it is stopped"
        watched = f"; watch it at {url}{f'/jobs/{job}' if job else '/'}" if url else ""
        logger.info("Worker %s %s%s", self._worker.name, task, watched)

    async def _follow(self) -> None:
        try:
            await self._introduce()
            while True:
                began = time.monotonic()
                await self._look()
                self._say()
                await asyncio.sleep(
                    min(max(REFRESH_INTERVAL_S, REST_PER_QUERY * (time.monotonic() - began)), MAX_REST_S)
                )
        except Exception:
            logger.debug("Progress is not followed any longer", exc_info=True)

    async def _look(self) -> None:
        self._asked_at = self._asked_at or time.monotonic()
        with suppress(RedisError, TimeoutError):
            job_stats = await self._read()
            self._asked_at = None
            stats = self._crawler.stats.get_stats()
            own_ended = sum(own_classes(stats).values())
            self._stats = job_stats
            self._paces.add(time.monotonic(), job_stats, own_ended, self._worker.received.total)
            await self._ask_why()

    async def _ask_why(self) -> None:
        """Find out now and then what the job waits for, and how long its slowest hosts take at least."""
        frontier, run, now = self._worker.frontier, self._worker.watched, time.monotonic()
        if run is None or now < self._why_at:
            return
        self._why_at = now + REASON_INTERVAL_S
        found = await frontier.job_lists.read([(self._worker.job or "", run)])
        if found:
            monitor = Monitor(frontier)
            facts = await monitor.facts(found[0], await monitor.fleet(), MAX_HOSTS)
            self._why, self._slowest = reason(facts), slowest(facts.hosts)
            self._paces.by_politeness = max((host.seconds_left for host in facts.hosts), default=0.0)

    async def _look_a_last_time(self) -> None:
        """Look once more, and not again: the frontier's connection is about to be closed."""
        assert self._task
        self._task.cancel()
        try:
            await asyncio.wait_for(self._look(), LAST_QUERY_TIMEOUT_S)
        except Exception:
            logger.debug("The last figures stand", exc_info=True)

    async def _read(self) -> JobStats:
        frontier, run = self._worker.frontier, self._worker.watched
        if run is None:
            jobs = (await frontier.job_lists.page(MAX_JOBS_SUMMED, only_open=True)).jobs
            workers = [name async for name in frontier.workers()]
            return JobStats.of_worker(jobs, len(workers), self._crawler.stats.get_stats())
        status = await frontier.status_of_run(run)
        return JobStats.of_job(self._worker.job or "", status) if status else self._stats

    def _say(self) -> None:
        """Log a line if there is no terminal, when something has changed or after a long silence."""
        if self._terminal:
            return
        if not (self._crawler.crawling or self._stopping):
            self._stopping = True
            logger.info(
                "Stopping: requests in flight have %g s to finish; a second signal ends them at once", self._grace
            )
        if not self._interval:
            return
        silent = time.monotonic() - self._said_at
        if silent >= MAX_SILENCE_S or (silent >= self._interval and self._stats != self._said):
            self._said, self._said_at = self._stats, time.monotonic()
            logger.info("%s", line(self._stats, self._paces, self._why))
