"""A further worker process: it reports to the first one, and ends with it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from scrapy import signals

from pdfspider.crawl.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

REPORT_INTERVAL_S = 1.0
"""Seconds between two reports."""
PROGRESS_CLASS = "pdfspider.crawl.progress.progress.Progress"
METRICS_CLASS = "pdfspider.crawl.progress.metrics.Metrics"
INSPECTION_CLASS = "pdfspider.crawl.inspection.extension.InspectionExtension"


class ChildReports:
    """Sends counters and stored documents over a socket, as one JSON object on each line.

    ``counters`` are what numbers in Scrapy's stats have grown by, ``stored`` the hashes of documents. The worker stops
    when a line comes, or when the first process is gone.
    """

    def __init__(self, crawler: Crawler, descriptor: int) -> None:
        self._crawler, self._descriptor = crawler, descriptor
        self._sent: dict[str, int] = {}
        self._stored: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.StreamWriter | None = None
        crawler.signals.connect(self.start, signals.engine_started)

    async def start(self) -> None:
        """Start to listen and to report."""
        worker = Worker.of(self._crawler)
        reader, self._writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=self._descriptor))
        worker.when_stored.append(self._stored.append)
        worker.before_close.append(self.close)
        self._tasks = [asyncio.create_task(self._listen(reader)), asyncio.create_task(self._report_often())]

    async def close(self) -> None:
        """Report for the last time."""
        for task in self._tasks:
            task.cancel()
        await self._report()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            await reader.readline()
        if self._crawler.crawling:
            signal.raise_signal(signal.SIGTERM)

    async def _report_often(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            await self._report()

    async def _report(self) -> None:
        assert self._writer
        counters, stored = growth(self._sent, self._crawler.stats.get_stats()), self._stored[:]
        self._stored.clear()
        if counters or stored:
            with suppress(OSError):  # the first process is gone, and _listen knows
                self._writer.write(json.dumps({"counters": counters, "stored": stored}).encode() + b"\n")
                await self._writer.drain()


def done_by_first(settings: BaseSettings) -> tuple[str, ...]:
    """Return the extensions that only the first process has.

    Where the links inside documents are followed, each process inspects its own, because it needs them at once.
    """
    always = (PROGRESS_CLASS, METRICS_CLASS)
    return always if settings.getbool("PDF_INSPECT_LINKS") else (*always, INSPECTION_CLASS)


def growth(sent: dict[str, int], stats: Mapping[str, Any]) -> dict[str, int]:
    """Return by how much each counter has grown since the last call with the same ``sent``, which is updated."""
    counters = {name: value for name, value in stats.items() if type(value) is int and is_counter(name)}
    grown = {name: value - sent.get(name, 0) for name, value in counters.items() if value != sent.get(name, 0)}
    sent.update(counters)
    return grown


def is_counter(name: str) -> bool:
    """Return whether a number in the stats counts events; largest values and sizes of memory do not."""
    return not name.startswith("memusage/") and "max" not in name
