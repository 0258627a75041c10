"""Scrapy's scraper, made complete: no visit ends without its capture.

What is overridden is private to Scrapy, whose minor release is pinned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from scrapy.core.scraper import Scraper

from pdfspider.crawl.extract.captures import capture_missing
from pdfspider.crawl.extract.large_pages import is_large_page
from pdfspider.crawl.worker import Worker

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from pdfspider.crawl.fetch.responses import StagedResponse


class CompleteScraper(Scraper):
    """What a bug in the spider has lost, or a spider middleware has dropped, gets its ending here."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._worker = Worker.of(crawler)

    async def _scrape(self, result: Response | Failure, request: Request) -> None:
        try:
            if is_large_page(result):
                await self._worker.pages.prepare(self._worker, cast("StagedResponse", result), request)
            await super()._scrape(result, request)
        finally:
            await self.complete(request)

    async def complete(self, request: Request) -> None:
        lease = request.meta["lease"]
        if lease.begun and lease in self._worker.held:
            await self.start_itemproc_async(capture_missing(self._worker, request.meta), response=None)
