"""End the leases of requests that a middleware or an extension has lost."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.crawl.scrapy_internals import slot_of
from pdfspider.crawl.visit import Visit, lease_of
from pdfspider.exceptions import JobNotFound
from pdfspider.frontier.leases import LeaseKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)

REASON = "a middleware or an extension lost its request"


class LostRequests:
    """Finds leases whose request is neither waiting nor in progress, at two checks in a row."""

    def __init__(self, crawler: Crawler, worker: Worker, ready: Collection[Request]) -> None:
        self._crawler, self._worker, self._ready = crawler, worker, ready
        self._suspects: set[Lease] = set()

    async def end(self, others: Iterable[Lease]) -> None:
        """Check once; ``others`` are leases that have no request yet."""
        missing = self._missing(others)
        lost, self._suspects = missing & self._suspects, missing
        for lease in lost:
            assert lease.entry is not None
            logger.error("%s ends: %s", lease.entry.url, REASON)
            await self._end(lease)

    def _missing(self, others: Iterable[Lease]) -> set[Lease]:
        slot = slot_of(self._crawler.engine)
        if slot is None:
            return set()
        known = {lease_of(request) for request in (*self._ready, *slot.inprogress)}
        missing = self._worker.held - known - self._worker.releasing - set(others)
        now = time.monotonic()
        return {lease for lease in missing if lease.kind is not LeaseKind.ROBOTS and lease.starts_at < now}

    async def _end(self, lease: Lease) -> None:
        try:
            job = await self._worker.frontier.job(lease.run)
        except (JobNotFound, RedisError):
            await self._worker.release(lease)
            return
        capture = self._worker.captures.of_missing(Visit(lease, job), REASON)
        engine: Any = self._crawler.engine
        await engine.scraper.start_itemproc_async(capture, response=None)
