"""Parts as Scrapy users write them, which tests put into a worker by its settings."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from itemadapter import ItemAdapter
from scrapy import signals

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


class Noting:
    """An extension: writes the statistics, and which signals came, into the file ``NOTES``."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler, self._counts = crawler, dict[str, int]()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        noting = cls(crawler)
        for name in ("item_scraped", "response_downloaded", "request_reached_downloader", "request_left_downloader"):
            crawler.signals.connect(getattr(noting, name), getattr(signals, name))
        crawler.signals.connect(noting.spider_closed, signals.spider_closed)
        return noting

    def item_scraped(self, item: Capture) -> None:
        self._note("item_scraped")

    def response_downloaded(self) -> None:
        self._note("response_downloaded")

    def request_reached_downloader(self) -> None:
        self._note("request_reached_downloader")

    def request_left_downloader(self) -> None:
        self._note("request_left_downloader")

    def spider_closed(self) -> None:
        stats = {name: value for name, value in self._crawler.stats.get_stats().items() if isinstance(value, int | str)}
        Path(os.environ["NOTES"]).write_text(json.dumps({"stats": stats, "signals": self._counts}))

    def _note(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1


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
