"""Parts that runs put into their workers by settings, so that a worker falls at a chosen place."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

SPRUNG = ".sprung"


class Trap:
    """A pipeline that stops or kills its process where it stands, once for each file laid out in FAULT_TRAPS."""

    def __init__(self, directory: Path) -> None:
        self._trap = directory / type(self).__name__

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Path(crawler.settings["FAULT_TRAPS"]))

    def process_item(self, item: Any) -> Any:
        sprung = self._trap.with_suffix(f".{os.getpid()}{SPRUNG}")
        try:
            self._trap.rename(sprung)
        except FileNotFoundError:
            return item
        os.kill(os.getpid(), int(sprung.read_text()))
        return item


class BeforeStore(Trap):
    """In front of the store."""


class BeforeRecord(Trap):
    """Between the store and the database."""


class BeforeCommit(Trap):
    """Between the database and the commit."""


PIPELINES = {
    f"{__name__}.BeforeStore": 250,
    "pdfspider.crawl.store.pipelines.PdfFilesPipeline": 300,
    f"{__name__}.BeforeRecord": 350,
    "pdfspider.crawl.store.pipelines.RecordsPipeline": 400,
    f"{__name__}.BeforeCommit": 450,
}


class Poison:
    """A downloader middleware: a URL with this in it kills whoever fetches it."""

    MARK = "poison="

    def process_request(self, request: Request) -> None:
        if self.MARK in request.url:
            os.kill(os.getpid(), signal.SIGKILL)


POISON = f"{__name__}.{Poison.__name__}"
