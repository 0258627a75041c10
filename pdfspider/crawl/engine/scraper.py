"""A scraper for Scrapy with which no visit ends without its capture.

The methods that are overridden are private to Scrapy, whose minor release is pinned.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from scrapy import signals
from scrapy.core.scraper import Scraper, Slot
from scrapy.exceptions import DropItem
from scrapy.http import Response
from scrapy.utils.log import logformatter_adapter
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pdfspider.crawl.extract.callbacks import CallbackOutput, Callbacks, collect
from pdfspider.crawl.extract.large_pages import is_large_page
from pdfspider.crawl.fetch.downloader_stats import is_heard
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.crawl.visit import visit_of
from pdfspider.crawl.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.extensions.corestats import CoreStats

    from pdfspider.items import Capture


DISK_DIVISOR = 32
"""Bytes of a page on disk that weigh as much as one in memory: what waits there holds back no other requests."""


def body_size(result: Response | Failure) -> int:
    """Return the bytes of a response's body, without loading a large page, which weighs less while it is on disk."""
    if isinstance(result, StagedResponse):
        return result.file.size // DISK_DIVISOR if result.file else len(result.body)
    return len(result.body) if isinstance(result, Response) else 0


class SizedSlot(Slot):
    """A slot of Scrapy's scraper that loads no large page to see how large it is."""

    def add_response_request(self, result: Response | Failure, request: Request) -> Deferred[None]:
        """Add a response whose turn has not come."""
        deferred: Deferred[None] = Deferred()
        self.queue.append((result, request, deferred))
        self.active_size += max(body_size(result), self.MIN_RESPONSE_SIZE)
        return deferred

    def begin_response(self, result: Response | Failure, request: Request) -> None:
        """Add a response whose turn has come."""
        self.active.add(request)
        self.active_size += max(body_size(result), self.MIN_RESPONSE_SIZE)

    def finish_response(self, result: Response | Failure, request: Request) -> None:
        """Remove a response."""
        self.active.remove(request)
        self.active_size -= max(body_size(result), self.MIN_RESPONSE_SIZE)


class CompleteScraper(Scraper):
    """Captures visits that a bug in the spider has lost or a spider middleware has dropped."""

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.engine is not None
        vars(self).update(vars(crawler.engine.scraper))  # whose pipelines and spider middlewares are made once
        self._worker = Worker.of(crawler)
        self.callbacks = Callbacks(crawler, self._worker.config, self._missing)
        self._stats: Any = None

    async def open_spider_async(self) -> None:
        """Open the spider, with a slot that knows large pages."""
        await super().open_spider_async()
        assert self.slot is not None
        self.slot = SizedSlot(self.slot.max_active_size)

    def count(self, core_stats: CoreStats | None) -> None:
        """Count what Scrapy's extension would count at the signal: that costs more, and mostly nobody else listens."""
        if core_stats:
            self._stats = core_stats.stats
            self.signals.disconnect(core_stats.item_scraped, signals.item_scraped)

    async def start_itemproc_async(self, item: Any, *, response: Response | Failure | None) -> None:
        """Bring an item to its end, and tell of one that has come there: what is given back comes again."""
        assert self.slot is not None
        self.slot.itemproc_size += 1
        try:
            item = await self.itemproc.process_item_async(item)
        except Exception as error:
            self._note_failure(error, item, response)
            return
        finally:
            self.slot.itemproc_size -= 1
        if item is None:
            return
        if self._stats:
            self._stats.inc_value("item_scraped_count")
        if is_heard(signals.item_scraped):
            spider = self.crawler.spider
            await self.signals.send_catch_log_async(signals.item_scraped, item=item, response=response, spider=spider)

    def _note_failure(self, error: Exception, item: Any, result: Any) -> None:
        """Log and signal what a pipeline raised, as Scrapy does."""
        spider: Any = self.crawler.spider
        if isinstance(error, DropItem):
            entry = self.logformatter.dropped(item, error, result, spider)
            details: dict[str, Any] = {"exception": error}
        else:
            entry = self.logformatter.item_error(item, error, result, spider)
            details = {"failure": Failure()}
        if entry:
            shown = None if isinstance(error, DropItem) else error
            logging.getLogger("scrapy.core.scraper").log(*logformatter_adapter(entry), exc_info=shown)
        signal = signals.item_dropped if isinstance(error, DropItem) else signals.item_error
        self.signals.send_catch_log(signal, item=item, response=result, spider=spider, **details)

    async def _scrape(self, result: Response | Failure, request: Request) -> None:
        try:
            if is_large_page(result):
                async with self._worker.pages.turn:
                    await self._worker.pages.prepare(self._worker.links, cast("StagedResponse", result), request)
                    await super()._scrape(result, request)
            else:
                await super()._scrape(result, request)
        finally:
            await self.complete(request)

    async def call_spider_async(self, result: Response | Failure, request: Request) -> AsyncIterator[Any]:
        """Call the callback or errback for Scrapy's spider middlewares."""
        return (await self.callbacks.call(result, request)).replay()

    async def handle_spider_output_async(self, result: Any, request: Request, response: Response | Failure) -> None:
        """Process what came through the spider middlewares."""
        await self.take(await collect(lambda: result), response, request)

    async def take(self, output: CallbackOutput, result: Response | Failure, request: Request) -> None:
        """Process the items that a callback yielded, then report the error that ended it."""
        for item in self.callbacks.take_apart(output, request):
            await self.start_itemproc_async(item, response=result)
        if output.failure:
            self.handle_spider_error(output.failure, request, result)

    async def complete(self, request: Request) -> None:
        """Capture the visit of a request, if it has no capture yet."""
        if capture := self._missing(request):
            await self.start_itemproc_async(capture, response=None)

    def _missing(self, request: Request) -> Capture | None:
        visit = visit_of(request)
        is_open = visit.lease.begun and visit.lease in self._worker.held
        return self._worker.captures.of_missing(visit) if is_open else None
