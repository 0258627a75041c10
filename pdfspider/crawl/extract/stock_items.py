"""The spider's output on Scrapy's own parts: links to pages as requests, documents as items with ``file_urls``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import Request
from w3lib.encoding import http_content_type_encoding

from pdfspider.crawl.extract.link_extraction import scope_around
from pdfspider.discovery.urls import host_of, normalise
from pdfspider.documents.head import HEAD_SIZE, Kind, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.http import Response

    from pdfspider.config import Config
    from pdfspider.submission.params import Params


def stock_output(config: Config, params: Params, response: Response) -> Iterator[Any]:
    """Yield an item for the documents that a page leads to, and a request for each page in scope."""
    declared = (response.headers.get("Content-Type") or b"").decode("latin-1")
    kind, url = sniff(response.body[:HEAD_SIZE], declared), normalise(response.url)
    if kind is Kind.PDF:
        yield {"url": url, "file_urls": [url]}
    if kind is not Kind.HTML:
        return
    encoding = http_content_type_encoding(declared)
    links = config.discovery.find(response.body, url, encoding, content_type=declared).links
    if documents := [link.url for link in links if link.document]:
        yield {"url": url, "file_urls": documents}
    limit, depth = config.depth if params.depth is None else params.depth, response.meta.get("depth", 0)
    scope = scope_around(params.scope, "", host_of(url))
    if not limit or depth < limit:
        yield from (Request(link.url) for link in links if not link.document and scope.admits(link))
