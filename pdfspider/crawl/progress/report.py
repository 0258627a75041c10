"""Report every few seconds what this worker does, for the dashboard."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from redis.exceptions import RedisError
from scrapy import signals

from pdfspider.crawl.progress.job_stats import Rate, own_classes
from pdfspider.crawl.worker import Worker
from pdfspider.frontier.reports.worker_reports import REPORT_INTERVAL_S, WorkerReport, WorkerReports

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

PAGE_SIZE = resource.getpagesize()


class ReportExtension:
    """An extension that stores a report in the frontier, and has jobs sampled for their history."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._worker = crawler, Worker.of(crawler)
        self._ended, self._received = Rate(), Rate()
        self._since = time.time()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the extension."""
        report = cls(crawler)
        crawler.signals.connect(report.start, signals.engine_started)
        return report

    def start(self) -> None:
        """Start to report."""
        if hasattr(self._worker, "frontier"):  # else another scheduler is at work
            self._worker.before_close.append(self.stop)
            self._task = asyncio.create_task(self._report())

    async def stop(self) -> None:
        """Stop, and withdraw the report."""
        if self._task:
            self._task.cancel()
            with suppress(RedisError, TimeoutError):
                await asyncio.wait_for(WorkerReports(self._worker.redis).forget(self._worker.name), 1)

    async def _report(self) -> None:
        reports = WorkerReports(self._worker.redis)
        while True:
            with suppress(RedisError):
                await reports.write(self._worker.name, self._read())
            await asyncio.sleep(REPORT_INTERVAL_S)

    def _read(self) -> WorkerReport:
        ended, now = sum(own_classes(self._crawler.stats.get_stats()).values()), time.monotonic()
        self._ended.add(now, ended)
        self._received.add(now, self._worker.received.total)
        return WorkerReport(
            host=socket.gethostname(),
            pid=os.getpid(),
            job=self._worker.job or "",
            since=self._since,
            memory=memory_in_use(),
            ended=ended,
            rate=self._ended.per_second,
            bytes_rate=self._received.per_second,
            trouble=self._worker.trouble,
        )


def memory_in_use() -> int:
    """Return the bytes that this process has in memory; where the system does not say, the most that it had."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE_SIZE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
