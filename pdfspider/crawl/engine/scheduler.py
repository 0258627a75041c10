"""Scrapy's scheduler: a small buffer of leased URLs, which the lease loop fills."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from redis.exceptions import RedisError
from scrapy import signals
from scrapy.core.scheduler import BaseScheduler
from scrapy.exceptions import CloseSpider
from scrapy.utils.defer import deferred_from_coro

from pdfspider.crawl.engine.fast_path import install
from pdfspider.crawl.engine.ignored_settings import find_ignored
from pdfspider.crawl.engine.lease_loop import LeaseLoop
from pdfspider.crawl.engine.requests import ReadyRequests
from pdfspider.crawl.engine.starts.arguments import open_job
from pdfspider.crawl.engine.starts.start_requests import START_REQUEST_KEY, StartRequests
from pdfspider.crawl.engine.tuning import settle_down
from pdfspider.crawl.fetch.foreign_requests import NoLease
from pdfspider.crawl.visit import lease_of, visit_of
from pdfspider.crawl.worker import Worker
from pdfspider.exceptions import ConfigurationError, PdfSpiderError

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from twisted.internet.defer import Deferred

    from pdfspider.spiders.pdfs import PdfSpider

logger = logging.getLogger(__name__)
PDF_SPIDER = "pdfspider.spiders.pdfs.PdfSpider"
"""The class of all spiders that the frontier can serve."""


class Scheduler(BaseScheduler):
    """Returns the requests of leased URLs.

    It never reports that it is empty: the lease loop closes the spider when its job ends.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._ready = ReadyRequests()
        self._worker = Worker.of(crawler)
        self._start = StartRequests(crawler, self._worker)
        self._lease_loop = LeaseLoop(crawler, self._worker, self._ready, self._start)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Scheduler:
        """Return the scheduler of a crawler."""
        return cls(crawler)

    def open(self, spider: Spider) -> Deferred[None]:
        """Open the worker and start the lease loop."""
        return deferred_from_coro(self._open(cast("PdfSpider", spider)))

    def close(self, reason: str) -> Deferred[None]:
        """Stop the lease loop and close the worker."""
        return deferred_from_coro(self._close())

    async def _open(self, spider: PdfSpider) -> None:
        try:
            if not hasattr(spider, "has_start"):
                raise ConfigurationError(f"{type(spider).__name__} is no subclass of {PDF_SPIDER}")
            await self._worker.open()
            if self._start.are_used:
                self._worker.job = self._start.job
            else:
                await open_job(self._worker, spider.args)
        except (PdfSpiderError, RedisError) as error:
            source = "Redis refuses: " if isinstance(error, RedisError) else ""
            logger.error("%s%s", source, error)
            await self._worker.close()
            # Not raised here: what is opened after the scheduler must be open before it can be closed.
            self._crawler.signals.connect(self._refuse, signals.spider_opened)
            return
        for line in (*find_ignored(self._crawler.settings), *spider.find_ignored()):
            logger.warning("%s", line)
        install(self._crawler)
        settle_down(self._crawler.settings)
        # The engine cannot be woken before it has started.
        self._crawler.signals.connect(self._lease_loop.start, signals.engine_started)

    def _refuse(self) -> None:
        raise CloseSpider("refused")

    async def _close(self) -> None:
        await self._lease_loop.stop()
        await self._worker.close()

    def has_pending_requests(self) -> bool:
        """Return True, so that Scrapy does not close the spider."""
        return True

    def enqueue_request(self, request: Request) -> bool:
        """Take a further request of a lease, or one of ``start()``, and refuse any other request."""
        lease = lease_of(request)
        if lease is None:
            if START_REQUEST_KEY in request.meta or self._start.is_taking:
                return self._start.take(request)
            logger.error("%s is not fetched: %s", request, NoLease())
        if lease not in self._worker.held:
            return False
        lease.begun = False
        self._ready.append(request)
        return True

    def next_request(self) -> Request | None:
        """Return the next request whose lease is still held."""
        while self._ready and not self._worker.storage.is_closed:
            request = self._ready.popleft()
            lease = visit_of(request).lease
            if lease in self._worker.held:
                lease.begun = True
                return request
        return None
