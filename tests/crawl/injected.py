"""Parts that tests put into a worker by its settings."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import pycurl
from scrapy import signals
from scrapy.exceptions import DropItem, IgnoreRequest
from scrapy.http import HtmlResponse, Response

from pdfspider.crawl.fetch import ssrf_guard
from pdfspider.crawl.fetch.client import client
from pdfspider.crawl.fetch.client.client import Client, ClientRequest
from pdfspider.crawl.policy import robots
from pdfspider.discovery import addresses
from pdfspider.items import Capture
from pdfspider.spiders.pdfs import PdfSpider

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.crawl.fetch.client.transfer import Transfer
    from pdfspider.crawl.fetch.request_start import RequestStart

HANDLER = "pdfspider.crawl.fetch.handler"


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


class StoppedAtOnce:
    """An extension: asks the process to end before its spider is open."""

    def __init__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


class FaultyRobots:
    """An extension: a robots.txt that says "faulty" cannot be read."""

    def __init__(self) -> None:
        read = robots.reduced

        def reduced(body: bytes, user_agent: str) -> bytes:
            assert b"faulty" not in body
            return read(body, user_agent)

        robots.reduced = reduced


class TaskCount:
    """An extension: writes the number of asyncio's tasks into the file TASK_COUNT, again and again."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> TaskCount:
        count = cls()
        count.path = Path(crawler.settings["TASK_COUNT"])
        crawler.signals.connect(count.begin, signals.engine_started)
        crawler.signals.connect(count.end, signals.engine_stopped)
        return count

    def begin(self) -> None:
        self.task = asyncio.create_task(self.count())

    def end(self) -> None:
        self.task.cancel()

    async def count(self) -> None:
        while True:
            self.path.write_text(str(len(asyncio.all_tasks())))
            await asyncio.sleep(0.05)


class ItemLog:
    """An extension: writes the item signals."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        log = cls()
        for name in ("item_scraped", "item_dropped", "item_error"):
            crawler.signals.connect(getattr(log, name), getattr(signals, name))
        return log

    def item_scraped(self, item: Any) -> None:
        self._note("item_scraped", item)

    def item_dropped(self, item: Any) -> None:
        self._note("item_dropped", item)

    def item_error(self, item: Any) -> None:
        self._note("item_error", item)

    def _note(self, signal: str, item: Any) -> None:
        logging.getLogger(__name__).error("%s %s", signal, item.url)


class Unlucky(Exception):
    """What the injected parts raise."""


def fails(url: str, part: object) -> bool:
    """Whether it is this part that stumbles over the URL."""
    return f"/{type(part).__name__}/" in url


class RaisingRequest:
    """A downloader middleware."""

    def process_request(self, request: Request) -> None:
        if fails(request.url, self):
            raise Unlucky


class RaisingRobots:
    """A downloader middleware."""

    def process_request(self, request: Request) -> None:
        if request.url.endswith("/robots.txt"):
            raise Unlucky


class AnsweringRobots:
    """A downloader middleware."""

    def process_request(self, request: Request) -> Response | None:
        return Response(request.url) if request.url.endswith("/robots.txt") else None


class RaisingResponse:
    """A downloader middleware."""

    def process_response(self, request: Request, response: Response) -> Response:
        if fails(request.url, self):
            raise Unlucky
        return response


class Ignoring:
    """A downloader middleware."""

    def process_request(self, request: Request) -> None:
        if fails(request.url, self):
            raise IgnoreRequest("not this one")


class ResultPublisher:
    """A downloader middleware that answers without a fetch, in a form of its own."""

    def process_request(self, request: Request) -> Response | None:
        return (
            HtmlResponse(request.url, body=b"<p>an answer</p>", encoding="utf-8") if fails(request.url, self) else None
        )


class Repeating:
    """A downloader middleware that asks once more."""

    def process_response(self, request: Request, response: Response) -> Response | Request:
        if fails(request.url, self) and "repeated" not in request.meta:
            return request.replace(meta={**request.meta, "repeated": True})
        return response


class RaisingInput:
    """A spider middleware."""

    def process_spider_input(self, response: Response) -> None:
        if fails(response.url, self):
            raise Unlucky


class RaisingOutput:
    """A spider middleware."""

    def process_spider_output(self, response: Response, result: Any) -> Iterator[Any]:
        if fails(response.url, self):
            raise Unlucky
        yield from result

    async def process_spider_output_async(self, response: Response, result: Any) -> Any:
        if fails(response.url, self):
            raise Unlucky
        async for item in result:
            yield item


class Swallowing:
    """A spider middleware."""

    def process_spider_output(self, response: Response, result: Any) -> Iterator[Any]:
        return (item for item in result if not fails(response.url, self))

    async def process_spider_output_async(self, response: Response, result: Any) -> Any:
        async for item in result:
            if not fails(response.url, self):
                yield item


class RaisingItem:
    """An item pipeline."""

    def process_item(self, item: Any) -> Any:
        if isinstance(item, Capture) and fails(item.url, self):
            raise Unlucky
        return item


class Dropping:
    """An item pipeline."""

    def process_item(self, item: Any) -> Any:
        if isinstance(item, Capture) and fails(item.url, self):
            raise DropItem("not this one")
        return item


class Unsendable:
    """An item pipeline: finds what no frontier can be told."""

    def process_item(self, item: Any) -> Any:
        if isinstance(item, Capture) and fails(item.url, self):
            item.links.append(item.lease.entry.child(url="http://a.test/\ud800"))
        return item


class Forgetting:
    """An item pipeline that forgets to return the item."""

    def process_item(self, item: Any) -> Any:
        return None if isinstance(item, Capture) and fails(item.url, self) else item


class Replacing:
    """An item pipeline that returns another item."""

    def process_item(self, item: Any) -> Any:
        return {"url": item.url} if isinstance(item, Capture) and fails(item.url, self) else item


class Copying:
    """An item pipeline that returns a copy."""

    def process_item(self, item: Any) -> Any:
        return dataclasses.replace(item) if isinstance(item, Capture) and fails(item.url, self) else item


class Clearing:
    """An item pipeline that takes the document out of the item."""

    def process_item(self, item: Any) -> Any:
        if isinstance(item, Capture) and fails(item.url, self):
            item.staged = None
        return item


class LateForgetting(Forgetting):
    """An item pipeline."""


class LateRaisingItem(RaisingItem):
    """An item pipeline."""


class LateDropping(Dropping):
    """An item pipeline."""


class UnluckySpider(PdfSpider):
    """The spider with bugs."""

    name = "unlucky"

    def parse(self, response: Any, **kwargs: Any) -> Iterator[Capture]:
        if "/parse/" in response.url:
            raise Unlucky
        yield from super().parse(response, **kwargs)
        if "/late/" in response.url:
            raise Unlucky

    def failed(self, failure: Any) -> Iterator[Any]:
        if "/failed/" in failure.request.url:
            raise Unlucky
        yield from super().failed(failure)


class Names:
    """An extension: resolves the names of the setting NAMES, and writes every address that is connected to into the
    file CONNECT_LOG.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Names:
        names = crawler.settings.getdict("NAMES")
        if path := crawler.settings.get("CONNECT_LOG"):
            _note_connections(Path(path))
        send, resolve = Client.send, ssrf_guard.addresses_of

        async def send_resolved(self: Client, request: ClientRequest, start: RequestStart) -> Transfer:
            parts = urlsplit(request.url)
            if parts.hostname in names:
                addresses = ",".join(f"[{one}]" if ":" in one else one for one in names[parts.hostname])
                resolved = f"{parts.hostname}:{parts.port or 80}:{addresses}"
                request = dataclasses.replace(request, options=(*request.options, (pycurl.RESOLVE, [resolved])))
            return await send(self, request, start)

        async def addresses_of(host: str) -> list[str]:
            return names[host] if host in names else await resolve(host)

        Client.send = send_resolved
        ssrf_guard.addresses_of = addresses_of
        return cls()


def _note_connections(path: Path) -> None:
    log = path.open("a", buffering=1)
    open_socket = ssrf_guard.open_socket

    def noting(start: RequestStart, purpose: int, address: Any) -> socket.socket | int:
        opened = open_socket(start, purpose, address)
        if opened != pycurl.SOCKET_BAD:
            log.write(f"{address.addr[0]}\n")
        return opened

    client.open_socket = noting


class PublicLoopback:
    """An extension: half of 127.0.0.0/8 is public, and the other half (from 127.0.0.128 on) private."""

    def __init__(self) -> None:
        private = ip_network("127.0.0.128/25")
        addresses.PRIVATE_BLOCKS[addresses.own_block("127.0.0.1")] = private
        whole = ip_network("127.0.0.0/8")
        addresses._NOT_PUBLIC = tuple(private if network == whole else network for network in addresses._NOT_PUBLIC)
        addresses.is_allowed.cache_clear()
