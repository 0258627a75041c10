"""Helpers for tests of a spider: a response, the captures that it becomes, and the links in them. No crawl is begun."""

from __future__ import annotations

import asyncio
from inspect import isasyncgen
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from os import PathLike

    from pdfspider.items import Capture
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
    return Response(url, status=status, headers=dict(headers or {}), body=content)


def captures(spider: type[PdfSpider] | PdfSpider, answer: Response, **settings: Any) -> list[Capture]:
    """Return the items that ``parse`` of a spider makes of a response, with these settings."""
    made: Any = spider
    if isinstance(spider, type):
        made = spider.from_crawler(Crawler(spider, Settings(settings)))
    output = made.parse(answer)
    return asyncio.run(_collect(output)) if isasyncgen(output) else list(output)


def links(capture: Capture) -> list[str]:
    """Return the URLs that a capture leads to, as far as they are followed."""
    return [entry.url for entry in capture.links]


async def _collect(output: AsyncIterator[Any]) -> list[Capture]:
    return [item async for item in output]
