"""Tests of a user's spider, in the ways that Scrapy users write them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from itemadapter import ItemAdapter
from scrapy import Request
from scrapy.http import HtmlResponse, Response
from scrapy.utils.test import get_crawler

from pdfspider.items import Outcome
from pdfspider.spiders.pdfs import PdfSpider
from pdfspider.testing import captures, links, requests, response, site
from tests.crawl.brought import AsyncSpider
from tests.crawl.hostile import document
from tests.crawl.own_spiders import HangingSpider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "https://example.org/page"
PAGE = b"<html><body><a href='a.pdf'>A</a><a href='/b'>B</a><a href='https://other.test/'>C</a></body></html>"
LINKS = ["https://example.org/a.pdf", "https://example.org/b"]


class MySpider(PdfSpider):
    """Adds a field."""

    name = "mine"

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Any]:
        for capture in super().parse(response, **kwargs):
            capture.extra["title"] = "mine"
            yield capture


def test_a_page() -> None:
    (capture,) = captures(MySpider, response(URL, body=PAGE))
    assert (capture.outcome, ItemAdapter(capture)["title"]) == (Outcome.PAGE, "mine")
    assert links(capture) == LINKS


def test_a_document_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(document("a"))
    (capture,) = captures(PdfSpider, response(f"{URL}.pdf", file=tmp_path / "a.pdf"))
    assert capture.outcome is Outcome.DOCUMENT
    with capture.open() as content:
        assert content.read() == document("a")


def test_settings_and_statuses() -> None:
    (capture,) = captures(PdfSpider, response(URL, body=PAGE), PDF_TECHNIQUES_OFF="a")
    assert links(capture) == []
    (capture,) = captures(PdfSpider, response(URL, status=404, headers={"Content-Type": "text/plain"}))
    assert capture.outcome is Outcome.NOT_FOUND
    with pytest.raises(ValueError, match="is no document"):
        capture.open()


@pytest.mark.parametrize("request_", [None, Request(URL)])
def test_a_spider_made_by_its_class_alone(request_: Request | None) -> None:
    answer: Any = HtmlResponse(URL, body=PAGE, encoding="utf-8", request=request_)
    (capture,) = list(MySpider().parse(answer))
    assert links(capture) == LINKS


def test_a_spider_of_a_crawler_of_scrapys_test_tools() -> None:
    spider = MySpider.from_crawler(get_crawler(MySpider))
    answer: Any = Response(URL, body=PAGE)
    assert [links(capture) for capture in spider.parse(answer)] == [LINKS]


def test_an_asynchronous_parse() -> None:
    (capture,) = captures(AsyncSpider, response(URL, body=PAGE))
    assert capture.extra == {"mode": "plain"}


def test_requests() -> None:
    (request,) = requests(HangingSpider, response(URL))
    assert (request.url, request.meta["page"]) == ("https://example.org/list", 1)
    assert captures(HangingSpider, response(URL)) == []


def test_inside_of_an_event_loop() -> None:
    async def parse() -> list[list[str]]:
        return [links(capture) for capture in captures(MySpider, response(URL, body=PAGE))]

    assert asyncio.run(parse()) == [LINKS]


class CallbackSpider(PdfSpider):
    """Has callbacks of its own, in forms that Scrapy takes."""

    name = "callbacks"

    def year(self, response: Any, source: str) -> Request:
        return Request(response.urljoin(f"/{source}/{response.meta['page']}"))

    def file(self, response: Any) -> Iterator[Any]:
        for capture in super().parse(response):
            capture.extra["links"] = len(response.css("a")) + len(list(response.follow_all(css="a")))
            yield capture


def test_another_callback() -> None:
    (request,) = requests(CallbackSpider, response(URL, meta={"page": 2}), "year", {"source": "s"})
    assert request.url == "https://example.org/s/2"
    (capture,) = captures(CallbackSpider, response(URL, body=PAGE), "file")
    assert capture.extra == {"links": 6}


def test_a_small_site() -> None:
    with site({"/": PAGE, "/a.pdf": document("a")}) as url:
        with urlopen(url) as page, urlopen(f"{url}a.pdf") as file:
            assert (page.headers["Content-Type"], page.read()) == ("text/html", PAGE)
            assert (file.headers["Content-Type"], file.read()) == ("application/pdf", document("a"))
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{url}b.pdf")
