"""Parts as Scrapy users write them, which tests put into a worker by its settings."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from itemadapter import ItemAdapter
from scrapy import Request, signals
from scrapy.exceptions import CloseSpider, IgnoreRequest, StopDownload

from pdfspider.crawl.store.pipelines import PdfFilesPipeline
from pdfspider.items import Capture, Outcome
from pdfspider.spiders.pdfs import PdfSpider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.crawler import Crawler


class Describing:
    """An item pipeline: looks at all fields, adds some, and reads the document."""

    def process_item(self, item: Any) -> Any:
        adapter = ItemAdapter(item)
        adapter["site"] = adapter["url"].split("/")[2]
        item.extra["fields"] = len(dataclasses.asdict(item))
        if item.outcome is Outcome.DOCUMENT:
            with item.open() as document:
                adapter["head"] = document.read(4).decode()
        json.dumps(adapter.asdict())
        return item


class LateDescribing(Describing):
    """An item pipeline that comes after the store."""


SIGNALS = [name for name in vars(signals) if not name.startswith("_")]


class Noting:
    """An extension: writes the statistics, and which signals came in which order, into the file ``NOTES``."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._counts = crawler, dict[str, int]()
        self._receivers: list[Any] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        noting = cls(crawler)
        for name in SIGNALS:
            noting._receivers.append(noting.receiver(name))
            crawler.signals.connect(noting._receivers[-1], getattr(signals, name))
        return noting

    def receiver(self, name: str) -> Any:
        def receive(**_: Any) -> None:
            self._counts[name] = self._counts.get(name, 0) + 1
            if name == "spider_closed":
                stats = self._crawler.stats.get_stats().items()
                known = {stat: value for stat, value in stats if isinstance(value, int | str)}
                Path(os.environ["NOTES"]).write_text(json.dumps({"stats": known, "signals": self._counts}))

        return receive


class IdleFeeding:
    """An extension: hands the engine a further URL when the spider is idle, and then ends it for a reason."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._more = crawler, ["/2", "/1"]
        crawler.signals.connect(self.feed, signals.spider_idle)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def feed(self, spider: Any) -> None:
        if not self._more:
            raise CloseSpider("fed")
        assert self._crawler.engine
        self._crawler.engine.crawl(Request(spider.args.urls[0].rstrip("/") + self._more.pop()))


class Unwilling:
    """An extension: closes the spider as soon as it is open."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls()
        crawler.signals.connect(extension.close, signals.spider_opened)
        return extension

    def close(self) -> None:
        raise CloseSpider("unwilling")


class Stopping:
    """An extension: wants only a part of what its URLs name."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls()
        crawler.signals.connect(extension.head, signals.headers_received)
        crawler.signals.connect(extension.part, signals.bytes_received)
        return extension

    def head(self, request: Request) -> None:
        if "/head" in request.url:
            raise StopDownload(fail="fail" in request.url)

    def part(self, data: bytes, request: Request) -> None:
        if "/part" in request.url:
            raise StopDownload(fail="fail" in request.url)


class Ignoring:
    """An extension: wants some requests not to be scheduled."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls()
        crawler.signals.connect(extension.ignore, signals.request_scheduled)
        return extension

    def ignore(self, request: Request) -> None:
        if request.url.endswith("/ignored"):
            raise IgnoreRequest


class AsyncSpider(PdfSpider):
    """A subclass whose parse is an asynchronous generator, with an argument of its own."""

    name = "asynchronous"
    mode = "plain"

    async def parse(self, response: Any, **kwargs: Any) -> AsyncIterator[Capture]:
        for capture in super().parse(response, **kwargs):
            capture.extra["mode"] = self.mode
            yield capture


class OwnNames(PdfFilesPipeline):
    """A FilesPipeline as its users write it."""

    def file_path(
        self, request: Any, response: Any = None, info: Any = None, *, item: Any = None
    ) -> str:  # as Scrapy has it
        return f"{request.cb_kwargs.get('item', {}).get('title', 'untitled')}/{request.url.rsplit('/', 1)[-1]}"

    def item_completed(self, results: Any, item: Any, info: Any) -> Any:
        ItemAdapter(item)["ok"] = [ok for ok, _ in results]
        return super().item_completed(results, item, info)


class FileUrlsSpider(PdfSpider):
    """Yields items with the URLs of their documents."""

    name = "file-urls"

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Any]:
        for link in response.css("a"):
            yield {"title": "../Ä", "papers": [response.urljoin(link.attrib["href"])]}
        yield {"title": object(), "papers": ["not a URL", "ftp://a.test/x.pdf"]}
