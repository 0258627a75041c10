"""The usual recipe: pages are followed, what looks like a PDF goes to FilesPipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy_redis.spiders import RedisSpider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http.response.html import HtmlResponse

DOCUMENT_HINTS = (".pdf", "/get?", "/download/")


class StockSpider(RedisSpider):
    """Takes its start URL from the list ``stock:start_urls``."""

    name = "stock"

    async def start(self) -> AsyncIterator[Request]:
        for request in self.start_requests():
            yield request

    def parse(self, response: HtmlResponse) -> Iterator[Request | dict[str, Any]]:
        yield from parse(response)


def parse(response: HtmlResponse) -> Iterator[Request | dict[str, Any]]:
    """Yield a request for each link, and one item with what looks like a PDF."""
    documents = []
    for href in response.css("a::attr(href)").getall():
        url = response.urljoin(href)
        if any(hint in url for hint in DOCUMENT_HINTS):
            documents.append(url)
        else:
            yield Request(url)
    yield {"file_urls": documents}
