"""A fast path from a request to the end of its capture, in one task.

Scrapy's engine and scraper do the same for any number of items per response, in four tasks and a dozen callbacks. The
methods that are replaced here are private to Scrapy, whose minor release is pinned.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

from scrapy import Request, signals
from scrapy.extensions.corestats import CoreStats
from scrapy.http import Response
from scrapy.utils.log import logformatter_adapter
from twisted.python.failure import Failure

from pdfspider.crawl.engine.scraper import CompleteScraper
from pdfspider.crawl.extract.large_pages import is_large_page
from pdfspider.crawl.fetch.downloader_stats import is_heard
from pdfspider.crawl.scrapy_internals import close_if_idle, slot_of, start_requests_with
from pdfspider.crawl.worker import Worker

if TYPE_CHECKING:
    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler

    from pdfspider.crawl.fetch.responses import StagedResponse

logger = logging.getLogger(__name__)


def install(crawler: Crawler) -> None:
    """Install the fast path, unless spider middlewares need the engine's own."""
    engine = crawler.engine
    assert engine is not None
    engine.scraper = scraper = CompleteScraper(crawler)
    scraper.count(crawler.get_extension(CoreStats))
    if not scraper.spidermw.middlewares:
        visits = EngineRequests(crawler, engine, scraper)
        visits.count(crawler.get_extension(CoreStats))
        start_requests_with(engine, visits.start)


class EngineRequests:
    """The requests that the engine has begun."""

    def __init__(self, crawler: Crawler, engine: ExecutionEngine, scraper: CompleteScraper) -> None:
        self._crawler, self._engine, self._scraper = crawler, engine, scraper
        self._downloader: Any = engine.downloader
        self._worker = Worker.of(crawler)
        self._signals, self._logformatter = crawler.signals, crawler.logformatter
        self._tasks: set[asyncio.Task[None]] = set()
        self._stats: Any = None

    def count(self, core_stats: CoreStats | None) -> None:
        """Count what Scrapy's extension would count by signals, which cost more and usually have no other receiver."""
        if core_stats:
            self._stats = core_stats.stats
            self._signals.disconnect(core_stats.response_received, signals.response_received)

    def start(self) -> bool:
        """Start the next request, and return whether there was one."""
        slot = self._slot
        request = slot.scheduler.next_request()
        if request is None:
            if is_heard(signals.scheduler_empty):
                self._signals.send_catch_log(signals.scheduler_empty)
            return False
        slot.add_request(request)
        task = asyncio.create_task(self._visit(request, self._downloader.begin(request)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    @property
    def _slot(self) -> Any:
        return slot_of(self._engine)

    async def _visit(self, request: Request, fetch: Any) -> None:
        slot = self._slot
        try:
            result = await self._download(request, fetch, slot)
            if isinstance(result, Request):
                self._engine.crawl(result)
            else:
                await self._scrape(result, request)
        except Exception:
            logger.exception("The visit to %s failed", request.url)
        finally:
            slot.remove_request(request)
            slot.nextcall.schedule()

    async def _download(self, request: Request, fetch: Any, slot: Any) -> Response | Request | Failure:
        try:
            result: Response | Request = await fetch
        except Exception:
            return Failure()
        finally:
            slot.nextcall.schedule()
        if isinstance(result, Response):
            self._announce(result, request)
        return result

    def _announce(self, response: Response, request: Request) -> None:
        spider: Any = self._crawler.spider
        response.request = response.request or request
        if entry := self._logformatter.crawled(response.request, response, spider):
            logging.getLogger("scrapy.core.engine").log(*logformatter_adapter(entry), extra={"spider": spider})
        self._tell(signals.response_received, "response_received_count", response=response, request=response.request)

    async def _scrape(self, result: Response | Failure, request: Request) -> None:
        slot: Any = self._scraper.slot
        slot.begin_response(result, request)
        try:
            if is_large_page(result):
                async with self._worker.pages.turn:
                    await self._worker.pages.prepare(self._worker.links, cast("StagedResponse", result), request)
                    await self._process(result, request)
            else:
                await self._process(result, request)
        except Exception:
            self._scraper.handle_spider_error(Failure(), request, result)
        try:
            await self._scraper.complete(request)
        finally:
            slot.finish_response(result, request)
            close_if_idle(self._scraper)

    async def _process(self, result: Response | Failure, request: Request) -> None:
        output = await self._scraper.callbacks.call(result, request)
        await self._scraper.take(output, result, request)

    def _tell(self, signal: object, stat: str, **named: Any) -> None:
        if self._stats:
            self._stats.inc_value(stat)
        if is_heard(signal):
            self._signals.send_catch_log(signal, spider=self._crawler.spider, **named)
