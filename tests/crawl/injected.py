"""Parts that tests put into a worker by its settings."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import DropItem, IgnoreRequest
from scrapy.http import HtmlResponse, Response

from pdfspider.items import Capture
from pdfspider.spiders.pdfs import PdfSpider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy import Request

HANDLER = "pdfspider.crawl.handler"


class StartLog:
    """An extension: writes when each request was sent, and to where, into the file ``START_LOG``."""

    def __init__(self) -> None:
        logger = logging.getLogger(HANDLER)
        logger.setLevel(logging.DEBUG)
        file = logging.FileHandler(os.environ["START_LOG"])
        file.addFilter(lambda record: record.msg.startswith("start "))
        file.setFormatter(_Bare())
        logger.addHandler(file)
        logger.propagate = False


class _Bare(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage().removeprefix("start ")


class Unlucky(Exception):  # noqa: N818
    """What the injected parts raise."""


UNLUCKY = "/unlucky"


def fails(url: str) -> bool:
    return UNLUCKY in url


class RaisingRequest:
    """A downloader middleware."""

    def process_request(self, request: Request) -> None:
        if fails(request.url):
            raise Unlucky


class RaisingRobots:
    """A downloader middleware."""

    def process_request(self, request: Request) -> None:
        if request.url.endswith("/robots.txt"):
            raise Unlucky


class RaisingResponse:
    """A downloader middleware."""

    def process_response(self, request: Request, response: Response) -> Response:
        if fails(request.url):
            raise Unlucky
        return response


class Ignoring:
    """A downloader middleware."""

    def process_request(self, request: Request) -> None:
        if fails(request.url):
            raise IgnoreRequest("not this one")


class Answering:
    """A downloader middleware that answers without a fetch, in a form of its own."""

    def process_request(self, request: Request) -> Response | None:
        return HtmlResponse(request.url, body=b"<a href=/x>x</a>", encoding="utf-8") if fails(request.url) else None


class Repeating:
    """A downloader middleware that asks once more."""

    def process_response(self, request: Request, response: Response) -> Response | Request:
        if fails(request.url) and "repeated" not in request.meta:
            return request.replace(meta={**request.meta, "repeated": True})
        return response


class RaisingInput:
    """A spider middleware."""

    def process_spider_input(self, response: Response) -> None:
        if fails(response.url):
            raise Unlucky


class RaisingOutput:
    """A spider middleware."""

    def process_spider_output(self, response: Response, result: Any) -> Iterator[Any]:
        if fails(response.url):
            raise Unlucky
        yield from result

    async def process_spider_output_async(self, response: Response, result: Any) -> Any:
        if fails(response.url):
            raise Unlucky
        async for item in result:
            yield item


class Swallowing:
    """A spider middleware."""

    def process_spider_output(self, response: Response, result: Any) -> Iterator[Any]:
        return (item for item in result if not fails(response.url))

    async def process_spider_output_async(self, response: Response, result: Any) -> Any:
        async for item in result:
            if not fails(response.url):
                yield item


class RaisingItem:
    """An item pipeline."""

    def process_item(self, item: Any) -> Any:
        if isinstance(item, Capture) and fails(item.url):
            raise Unlucky
        return item


class Dropping:
    """An item pipeline."""

    def process_item(self, item: Any) -> Any:
        if isinstance(item, Capture) and fails(item.url):
            raise DropItem("not this one")
        return item


class RaisingSpider(PdfSpider):
    """The spider with a bug."""

    name = "unlucky"

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Capture]:
        if fails(response.url):
            raise Unlucky
        yield from super().parse(response, **kwargs)


class RaisingLateSpider(PdfSpider):
    """The spider with another bug."""

    name = "late"

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Capture]:
        yield from super().parse(response, **kwargs)
        if fails(response.url):
            raise Unlucky


class RaisingErrbackSpider(PdfSpider):
    """The spider with yet another bug."""

    name = "errback"

    def failed(self, failure: Any) -> Iterator[Any]:
        if fails(failure.request.url):
            raise Unlucky
        yield from super().failed(failure)
