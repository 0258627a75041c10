"""Inspect the documents that this worker stores, without delaying the crawl."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from scrapy import signals
from scrapy.exceptions import NotConfigured

from pdfspider.condition_logger import ConditionLogger
from pdfspider.crawl.inspection.service import BATCH_SIZE, InspectionService
from pdfspider.crawl.worker import Worker
from pdfspider.documents.copies import DirectoryCopies
from pdfspider.exceptions import ConfigurationError, RecordsError
from pdfspider.formatting import counted
from pdfspider.tasks import poll

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

MAX_WAITING = 20_000
"""Documents that are remembered; further ones are left to ``scrapy inspect``."""
GROUPING_S = 0.2
"""Seconds for which a group grows, so that few documents do not take a transaction each."""
POLL_INTERVAL_S = 0.05
RETRY_DELAY_S = 1.0
"""Seconds before the next try where the database cannot be used."""
LEFT_STAT = "pdfspider/inspection/left"


class InspectionExtension:
    """An extension that inspects documents.

    A document that it does not reach has no inspection, and ``scrapy inspect`` finds it later. That is so for all
    documents of an object store.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._worker = crawler, Worker.of(crawler)
        self._waiting: deque[str] = deque()
        self._in_hand = 0
        self._left = 0
        self._more = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._unrecorded = ConditionLogger(
            "Inspections cannot be recorded: they wait", "Inspections are recorded again"
        )
        self.inspections: InspectionService | None = None
        """Inspects documents; None if the store is not a directory."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the extension.

        Raises NotConfigured if inspection is off.
        """
        if not Worker.of(crawler).config.inspect:
            raise NotConfigured
        extension = cls(crawler)
        crawler.signals.connect(extension.start, signals.engine_started)
        return extension

    def start(self) -> None:
        """Start the inspections."""
        config, directory = self._worker.config, self._worker.config.store_directory
        if not hasattr(self._worker, "records"):  # another scheduler is at work
            return
        self._worker.when_stored.append(self.add)
        if directory is None:
            self._closing = True
            self._worker.before_close.append(self._tell)
            return
        self.inspections = InspectionService(config, self._worker.records, DirectoryCopies(directory), self._count)
        self._worker.before_end.append(self.finish)
        self._worker.before_close.append(self.close)
        self._tasks = [asyncio.create_task(self._serve()) for _ in range(config.inspect_processes)]

    def add(self, sha256: str) -> None:
        """Queue a document that is stored and recorded."""
        if len(self._waiting) < MAX_WAITING and not self._closing:
            self._waiting.append(sha256)
            self._more.set()
        else:
            self._left += 1

    async def finish(self) -> None:
        """Inspect the waiting documents for a bounded time, unless the worker is told to stop."""
        await asyncio.sleep(POLL_INTERVAL_S)  # the last document's commit may be on its way back
        patience = self._worker.config.inspect_patience
        until = time.monotonic() + patience
        if self.backlog:
            logger.info("Inspecting %s, for at most %g s", counted(self.backlog, "more document"), patience)
        await poll(lambda: time.monotonic() >= until or not self._is_awaited, POLL_INTERVAL_S)

    async def close(self) -> None:
        """Stop; waiting documents stay without an inspection."""
        self._closing = True
        self._more.set()
        assert self.inspections is not None
        await self.inspections.close()
        await asyncio.gather(*self._tasks)
        self._left += len(self._waiting)
        await self._tell()

    async def _tell(self) -> None:
        if self._left:
            self._crawler.stats.set_value(LEFT_STAT, self._left)

    @property
    def _is_awaited(self) -> bool:
        return self.backlog > 0 and not self._closing and bool(self._crawler.crawling)

    @property
    def backlog(self) -> int:
        """The number of documents that wait here for their inspection."""
        return len(self._waiting) + self._in_hand

    async def _serve(self) -> None:
        while not self._closing:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
                await asyncio.sleep(GROUPING_S)
                continue
            group = [self._waiting.popleft() for _ in range(min(BATCH_SIZE, len(self._waiting)))]
            self._in_hand += len(group)
            self._waiting.extendleft(reversed(await self._rest_of(group)))
            self._in_hand -= len(group)

    async def _rest_of(self, group: list[str]) -> list[str]:
        """Inspect a part of the group, and return the rest."""
        try:
            known = await self._worker.records.inspected(group)
            new = [sha256 for sha256 in group if sha256 not in known]
            assert self.inspections is not None
            rest = new[len(await self.inspections.inspect(new)) :] if new else []
            self._unrecorded.end()
            return rest
        except RecordsError as error:
            self._unrecorded.begin(error)
            await asyncio.sleep(0 if self._closing else RETRY_DELAY_S)
        except ConfigurationError as error:
            logger.error("%s", error)
            self._closing = True
        except Exception:
            logger.exception("No more documents are inspected")
            self._closing = True
        return group

    def _count(self, how: str) -> None:
        self._crawler.stats.inc_value(f"pdfspider/inspection/{how}")
