"""Helpers for tests of a spider: a response, the captures that it becomes, and the links in them. No crawl is begun."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes
from scrapy.settings import Settings

from pdfspider.items import Capture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from pdfspider.spiders.pdfs import PdfSpider


def response(
    url: str,
    *,
    body: bytes = b"",
    file: str | PathLike[str] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response with the bytes of ``body``, or of a file."""
    content = body if file is None else Path(file).read_bytes()
    kind = responsetypes.from_args(headers=Headers(headers or {}), url=url, body=content)
    return kind(url, status=status, headers=dict(headers or {}), body=content)


def items(spider: type[PdfSpider] | PdfSpider, answer: Response, **settings: Any) -> list[Any]:
    """Return what ``parse`` of a spider makes of a response, with these settings."""
    made: Any = spider
    if isinstance(spider, type):
        made = spider.from_crawler(Crawler(spider, Settings(settings)))
    output = made.parse(answer)
    if isawaitable(output) or hasattr(output, "__aiter__"):
        output = asyncio.run(_collect(output))
    return list(output or ())


def captures(spider: type[PdfSpider] | PdfSpider, answer: Response, **settings: Any) -> list[Capture]:
    """Return the captures that ``parse`` of a spider makes of a response, with these settings."""
    return [item for item in items(spider, answer, **settings) if isinstance(item, Capture)]


def requests(spider: type[PdfSpider] | PdfSpider, answer: Response, **settings: Any) -> list[Request]:
    """Return the requests that ``parse`` of a spider makes of a response, with these settings."""
    return [item for item in items(spider, answer, **settings) if isinstance(item, Request)]


def links(capture: Capture) -> list[str]:
    """Return the URLs that a capture leads to, as far as they are followed."""
    return [entry.url for entry in capture.links]


async def _collect(output: Any) -> Any:
    return await output if isawaitable(output) else [item async for item in output]
