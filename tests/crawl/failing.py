"""Parts of users that fail in ways of their own, by the URL that they are given."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from itemadapter import ItemAdapter
from redis.exceptions import RedisError
from scrapy.exceptions import CloseSpider

from pdfspider.crawl.store.pipelines import PdfFilesPipeline
from pdfspider.spiders.pdfs import PdfSpider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy import Request
    from scrapy.crawler import Crawler


async def cancel() -> None:
    """Wait for a task that is cancelled."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


class Early:
    """An item pipeline before the store, which says in the file ``MADE`` that it was made."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        with Path(os.environ["MADE"]).open("a") as made:
            made.write("x")
        return cls()

    async def process_item(self, item: Any) -> Any:
        if "pipeline-cancelled" in item.url:
            await cancel()
        if "pipeline-exits" in item.url:
            sys.exit(3)
        if "wrong-type" in item.url:
            item.status, item.finished, item.outcome = "200", 1, "page"
        return item


class Named(PdfFilesPipeline):
    """The store, with a name of its own for no document."""

    def file_path(self, request: Any, response: Any = None, info: Any = None, *, item: Any = None) -> Any:
        return None if "nameless" in request.url else ""


class Late:
    """An item pipeline after the records."""

    def process_item(self, item: Any) -> Any:
        if "adapter" in item.url:
            ItemAdapter(item)["outcome"] = "nonsense"
        if "attribute" in item.url:
            item.outcome = "trap"
        if "known" in item.url:
            ItemAdapter(item)["outcome"] = "other"
        return item


class Middleware:
    """A downloader middleware."""

    async def process_request(self, request: Request) -> None:
        request.meta["max_retry_times"] = 9
        if "middleware-cancelled" in request.url:
            await cancel()
        if "middleware-exits" in request.url:
            sys.exit(3)
        if "middleware-redis" in request.url:
            raise RedisError("its own server is down")


class FailingSpider(PdfSpider):
    """Has a callback for pages, which fails at some of them and at all documents."""

    name = "failing"

    async def parse(self, response: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        if "callback-cancelled" in response.url:
            await cancel()
        if "callback-exits" in response.url:
            sys.exit(3)
        if "raises" in response.url:
            response.css("h6::text").get().strip()
        return list(super().parse(response))


class PagesSpider(PdfSpider):
    """Has a callback that knows only pages."""

    name = "pages"

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Any]:
        yield from response.follow_all(css="a.list", callback=self.listed)
        yield from response.follow_all(response.xpath("//a[@class='list']"), callback=self.listed)

    def listed(self, response: Any) -> Iterator[Any]:
        yield from PdfSpider.parse(self, response)


class ClosingSpider(PdfSpider):
    """Has had enough at one of its pages."""

    name = "closing"

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Any]:
        if b"Bandwidth exceeded" in response.body:
            raise CloseSpider("bandwidth_exceeded")
        yield from super().parse(response)
