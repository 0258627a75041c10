"""The spider: every response, and every failure, becomes one Capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy_redis.spiders import RedisSpider
from scrapy_spider_metadata import Args

from pdfspider.config import SPIDER
from pdfspider.crawl.extract.captures import capture_failure, capture_response
from pdfspider.crawl.worker import Worker
from pdfspider.submission.params import Params

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.crawler import Crawler
    from twisted.python.failure import Failure

    from pdfspider.crawl.extract.captures import Released
    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.items import Capture


class PdfSpider(Args[Params], RedisSpider):  # type: ignore[misc]
    """Collects PDFs. Links travel inside the Capture, never as requests: the frontier takes them all in one call."""

    name = SPIDER
    args: Params

    def setup_redis(self, crawler: Crawler | None = None) -> None:
        """Start URLs are taken in by the worker, not by polling when idle."""

    async def start(self) -> Any:
        """Nothing: what there is to fetch comes from the frontier."""
        return
        yield

    def parse(self, response: StagedResponse, **kwargs: Any) -> Iterator[Capture]:
        yield capture_response(Worker.of(self.crawler), response)

    def failed(self, failure: Failure) -> Iterator[Capture | Released]:
        yield capture_failure(Worker.of(self.crawler), failure)
