"""Scrapy's scraper, made complete: no visit ends without its capture. And without its detours: what it does for many
items per response, ours needs for one.

What is overridden is private to Scrapy, whose minor release is pinned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.core.scraper import Scraper
from scrapy.utils.defer import deferred_from_coro
from twisted.python.failure import Failure

from pdfspider.crawl.captures import capture_missing
from pdfspider.crawl.worker import Worker

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.internet.defer import Deferred


class CompleteScraper(Scraper):
    """What a bug in the spider has lost, or a spider middleware has dropped, gets its ending here."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._worker = Worker.of(crawler)

    async def _scrape(self, result: Response | Failure, request: Request) -> None:
        try:
            await super()._scrape(result, request)
        finally:
            await self._complete(request)

    async def _complete(self, request: Request) -> None:
        lease = request.meta["lease"]
        if lease.begun and lease in self._worker.held:
            await self.itemproc.process_item_async(capture_missing(self._worker, request.meta))


class LeanScraper(CompleteScraper):
    """Calls callback or errback and hands each item to the item processor, in one coroutine; only in place while no
    spider middleware is enabled.
    """

    def enqueue_scrape(self, result: Response | Failure, request: Request) -> Deferred[None]:
        return deferred_from_coro(self._scrape_all(result, request))

    async def _scrape_all(self, result: Response | Failure, request: Request) -> None:
        assert self.slot is not None
        self.slot.add_response_request(result, request)
        self.slot.next_response_request_deferred()
        try:
            for item in self._call(result, request):
                await self._process(item, result)
        except Exception:
            self.handle_spider_error(Failure(), request, result)  # type: ignore[no-untyped-call]
        try:
            await self._complete(request)
        finally:
            self.slot.finish_response(result, request)
            self._check_if_closing()

    def _call(self, result: Response | Failure, request: Request) -> Any:
        if isinstance(result, Failure):
            result.request = request  # type: ignore[attr-defined]
            return request.errback(result)  # type: ignore[misc]
        if result.request is None:
            result.request = request
        return result.request.callback(result)  # type: ignore[misc]

    async def _process(self, item: Any, result: Response | Failure) -> None:
        assert self.slot is not None
        self.slot.itemproc_size += 1
        try:
            item = await self.itemproc.process_item_async(item)
        finally:
            self.slot.itemproc_size -= 1
        self.signals.send_catch_log(signals.item_scraped, item=item, response=result, spider=self.crawler.spider)


def use_own_scraper(crawler: Crawler) -> None:
    """Puts ours in place of the engine's."""
    engine = crawler.engine
    assert engine is not None
    engine.scraper = CompleteScraper(crawler) if engine.scraper.spidermw.middlewares else LeanScraper(crawler)
