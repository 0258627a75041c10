"""The same without Redis: what Scrapy's documentation shows, with FilesPipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider

from stock.spiders.stock import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http.response.html import HtmlResponse


class PlainSpider(Spider):
    """Begins at the argument ``url``."""

    name = "plain"
    custom_settings = {  # noqa: RUF012 - as Scrapy declares it
        "SCHEDULER": "scrapy.core.scheduler.Scheduler",
        "DUPEFILTER_CLASS": "scrapy.dupefilters.RFPDupeFilter",
    }

    async def start(self) -> AsyncIterator[Request]:
        yield Request(self.url)  # type: ignore[attr-defined]

    def parse(self, response: HtmlResponse) -> Iterator[Request | dict[str, Any]]:
        yield from parse(response)
