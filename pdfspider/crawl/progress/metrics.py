"""Serve the metrics of this worker, and whether it is alive and ready, at ``METRICS_URL``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from scrapy import signals
from scrapy.exceptions import CloseSpider, NotConfigured

from pdfspider.crawl.inspection.extension import InspectionExtension
from pdfspider.crawl.progress.loop_lag import LoopLag
from pdfspider.crawl.visit import lease_of
from pdfspider.crawl.worker import Worker
from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Capture

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.frontier.leases import Lease
    from pdfspider.metrics.exposition import Exposition
    from pdfspider.metrics.worker import WorkerNumbers

logger = logging.getLogger(__name__)

MAX_RESPONSES_TRACKED = 10_000
"""Responses whose visits have not ended; visits that are given back leave theirs."""


class Metrics:
    """An extension that measures this worker and serves the figures; without ``METRICS_URL`` it costs nothing."""

    def __init__(self, crawler: Crawler) -> None:
        from pdfspider.metrics.server import MetricsServer, Probes
        from pdfspider.metrics.worker import WorkerMetrics

        self._crawler, self._worker = crawler, Worker.of(crawler)
        config = self._worker.config
        assert config.metrics_address is not None
        self._metrics = WorkerMetrics(self._read, config.staging_root)
        self._server = MetricsServer(config.metrics_address, Probes(self._expose, self._faults))
        self._responses: dict[Lease, float] = {}
        """The time at which the response of each visit that has not ended arrived."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the extension.

        Raises NotConfigured without ``METRICS_URL``.
        """
        if Worker.of(crawler).config.metrics_address is None:
            raise NotConfigured
        metrics = cls(crawler)
        crawler.signals.connect(metrics.open, signals.spider_opened)
        crawler.signals.connect(metrics.note_response, signals.response_received)
        crawler.signals.connect(metrics.note_end, signals.item_scraped)
        crawler.signals.connect(metrics.close, signals.spider_closed)
        return metrics

    async def open(self) -> None:
        """Start to serve."""
        try:
            await self._server.open()
        except ConfigurationError as error:
            logger.error("%s", error)
            raise CloseSpider("refused") from None
        if loop_lag := self._crawler.get_extension(LoopLag):
            loop_lag.tell = self._metrics.note_lag

    async def close(self) -> None:
        """Stop serving."""
        await self._server.close()

    def note_response(self, request: Request) -> None:
        """Note the phases of a fetch."""
        lease = lease_of(request)
        if lease is None or (at := self._metrics.note_response(lease)) is None:
            return
        if len(self._responses) >= MAX_RESPONSES_TRACKED:
            self._responses = {kept: at for kept, at in self._responses.items() if kept in self._worker.held}
        self._responses[lease] = at

    def note_end(self, item: object) -> None:
        """Note the end of a visit."""
        if isinstance(item, Capture) and (at := self._responses.pop(item.lease, None)) is not None:
            self._metrics.note_commit(at)

    async def _expose(self, accept: str) -> Exposition:
        return self._metrics.expose(accept)

    def _read(self) -> WorkerNumbers:
        from pdfspider.metrics.worker import WorkerNumbers

        worker = self._worker
        takes = hasattr(worker, "storage") and not worker.storage.is_away
        inspection = self._crawler.get_extension(InspectionExtension)
        backlog = inspection.backlog if inspection else 0
        return WorkerNumbers(self._crawler.stats.get_stats(), len(worker.held), worker.received.total, backlog, takes)

    async def _faults(self) -> list[str]:
        worker = self._worker
        if not hasattr(worker, "storage"):
            return ["it is not open yet"]
        faults = {
            "Redis cannot be used": worker.lost.lasts or worker.refused.lasts,
            "Redis is out of memory": worker.full.lasts,
            "the database cannot be used": worker.unrecorded.lasts,
            "the document store takes no documents": worker.storage.is_away,
            "it is stopping": not self._crawler.crawling,
        }
        return [fault for fault, lasts in faults.items() if lasts]
