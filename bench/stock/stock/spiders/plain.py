"""The same without Redis: what Scrapy's documentation shows, with FilesPipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy import Request, Spider

from stock.spiders.stock import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http.response.html import HtmlResponse


class PlainSpider(Spider):
    """Begins at the argument ``url``."""

    name = "plain"
    url: str
    custom_settings: ClassVar[dict[str, Any]] = {
        "SCHEDULER": "scrapy.core.scheduler.Scheduler",
        "DUPEFILTER_CLASS": "scrapy.dupefilters.RFPDupeFilter",
    }

    async def start(self) -> AsyncIterator[Request]:
        yield Request(self.url)

    def parse(self, response: HtmlResponse) -> Iterator[Request | dict[str, Any]]:
        yield from parse(response)
