"""Spiders as Scrapy users write them: they yield requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import FormRequest, Request, Spider
from scrapy.http import JsonRequest

from pdfspider.spiders.pdfs import PdfSpider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import TextResponse
    from twisted.python.failure import Failure


class PlainMiddleware:
    """A spider middleware that changes nothing, for which Scrapy's own engine is needed."""

    async def process_spider_output(self, response: Any, result: Any) -> AsyncIterator[Any]:
        async for item in result:
            yield item


class CatalogueSpider(PdfSpider):
    """Finds its way by selectors, and knows nothing of captures."""

    name = "catalogue"

    def parse(self, response: TextResponse) -> Iterator[Any]:
        yield from response.follow_all(css="a.chapter", callback=self.chapter, meta={"from": response.url})
        yield response.follow("/api?page=1", self.api, headers={"X-Asked": "yes"}, cookies={"who": "me"})
        yield response.follow("/missing", self.chapter, errback=self.missed, cb_kwargs={"name": "m"})
        yield response.follow("/moved", self.chapter, cb_kwargs={"name": "moved"})
        yield response.follow("/again", self.again, dont_filter=True)
        yield {"title": response.css("title::text").get()}

    def chapter(self, response: TextResponse, name: str = "none") -> Iterator[Any]:
        for href in response.css("a::attr(href)").getall():
            yield response.follow(href, self.keep, cb_kwargs={"name": name, "from_": response.meta.get("from")})

    def keep(self, response: Any, name: str, from_: str | None) -> Iterator[Any]:
        for capture in PdfSpider.parse(self, response):
            capture.extra |= {"name": name, "from": from_}
            yield capture

    async def api(self, response: TextResponse) -> Any:
        answer = response.json()
        return [response.follow(url, self.keep, cb_kwargs={"name": "api", "from_": None}) for url in answer["pdfs"]]

    def missed(self, failure: Failure) -> Iterator[Any]:
        status = failure.value.response.status
        yield Request(failure.request.url + f"?status={status}", self.again)

    def again(self, response: Any) -> Iterator[Any]:
        """Asks once more until the answer says that it is enough."""
        if b"more" in response.body:
            yield response.request.replace(dont_filter=True)


class RefusedSpider(PdfSpider):
    """Yields requests that no frontier can keep."""

    name = "refused"
    allowed_domains = ("127.0.0.1",)

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Any]:
        yield from super().parse(response)
        if response.url.endswith("/"):
            yield Request(response.urljoin("/lambda"), lambda response: None)
            yield Request(response.urljoin("/put"), method="PUT", body="x")
            yield Request(response.urljoin("/object"), meta={"item": object()})
            yield Request(response.urljoin("/tuple"), cb_kwargs={"pair": (1, 2)})
            yield Request(response.urljoin("/large"), meta={"text": "x" * 20_000})
            yield Request("data:text/html,x")
            yield Request(response.urljoin("/own"), meta=dict(response.meta), priority=10**6)
            yield Request(response.url.replace("127.0.0.1", "127.0.0.2"))


class FormSpider(PdfSpider):
    """Sends forms, JSON and bytes, from its start on."""

    name = "forms"
    site = ""

    async def start(self) -> AsyncIterator[Any]:
        yield FormRequest(f"{self.site}/search", formdata={"q": "Ä"}, callback=self.found, flags=["first"])
        yield FormRequest(f"{self.site}/search?b", formdata={"q": "b"}, callback=self.found)

    def found(self, response: TextResponse) -> Iterator[Any]:
        yield FormRequest.from_response(response, formdata={"page": "2"}, callback=self.page)
        yield FormRequest.from_response(response, formdata={"page": "2"}, callback=self.page)
        yield JsonRequest(response.urljoin("/api"), data={"id": 1}, callback=self.api)
        yield FormRequest(response.urljoin("/gone"), formdata={"a": "b"})
        yield Request(response.urljoin("/bytes"), method="POST", body=b"\xff\x00")
        for path in ("/here-303", "/here-307", "/away-303", "/away-307"):
            yield FormRequest(response.urljoin(path), formdata={"a": "b"}, callback=self.page)
        yield Request(response.urljoin("/here-302"), meta={"dont_redirect": True})

    def page(self, response: TextResponse) -> Iterator[Any]:
        for capture in PdfSpider.parse(self, response):
            capture.extra["flags"] = response.request.flags
            yield capture

    def api(self, response: TextResponse) -> Iterator[Any]:
        yield response.follow(response.json()["pdf"])


class HangingSpider(PdfSpider):
    """Has a callback that another worker than that which asked for it may call."""

    name = "hanging"

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Any]:
        yield response.follow(
            "/list", self.listed, meta={"page": 1, "job": "its own"}, cb_kwargs={"title": "Ä"}, priority=3
        )

    def listed(self, response: Any, title: str) -> Iterator[Any]:
        for capture in PdfSpider.parse(self, response):
            capture.extra |= {
                "title": title,
                "page": response.meta["page"],
                "job_": response.meta["job"],
                "depth_": response.meta["depth"],
            }
            yield capture


class StartUrlsSpider(PdfSpider):
    """Has URLs to start with, an argument of its own and a coroutine as its parse."""

    name = "start-urls"

    def __init__(self, *args: Any, site: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start_urls = [f"{site}/{page}" for page in ("1", "2")] if site else []

    async def parse(self, response: Any, **kwargs: Any) -> list[Any]:
        return list(super().parse(response, **kwargs))


class StartSpider(PdfSpider):
    """Yields its first requests and an item by itself."""

    name = "start"
    site = ""
    mode = ""

    async def start(self) -> AsyncIterator[Any]:
        yield {"started": self.site}
        yield Request(f"{self.site}/first", self.first, cb_kwargs={"number": 1}, priority=2)
        if self.mode == "bad":
            yield Request(f"{self.site}/second", lambda response: None)
            raise RuntimeError(self.site)
        if self.mode == "many":
            for number in range(1_100):
                yield Request(f"{self.site}/many?{number}", self.first, cb_kwargs={"number": number})

    def first(self, response: Any, number: int) -> Iterator[Any]:
        for capture in PdfSpider.parse(self, response):
            capture.extra["number"] = number
            yield capture


class StockSpider(Spider):
    """A spider as ``scrapy genspider`` makes it."""

    name = "stock"
    start_urls = ("https://example.org/",)


class OldSpider(PdfSpider):
    """Begins in ways that have gone."""

    name = "old"
    start_urls = ("file:///etc/passwd",)

    def start_requests(self) -> Iterator[Any]:
        yield Request("http://127.0.0.1/")

    def make_request_from_data(self, data: bytes) -> Request:
        return Request(data.decode())


class AttributesSpider(PdfSpider):
    """Has settings as attributes."""

    name = "attributes"
    user_agent = "mine"
    download_timeout: Any = None
    download_maxsize = 500


class ForgetfulSpider(PdfSpider):
    """Does not call the ``__init__`` of its base."""

    name = "forgetful"

    def __init__(self, *_: Any, **__: Any) -> None:
        self.mode = "own"
