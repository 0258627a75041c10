"""What Scrapy people bring along, all of which runs in one worker: parts for a test of their combination."""

from __future__ import annotations

import http.client
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit
from zlib import crc32

from itemadapter import ItemAdapter
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from spidermon import Monitor, MonitorSuite

from pdfspider.crawl.store.pipelines import PdfFilesPipeline

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response

SHARE = 7
"""Of so many URLs one is asked for once more by the retry middleware."""


class ApiHandler(HTTP11DownloadHandler):
    """A download handler as those of scraping APIs are: it answers with a response of its own."""

    async def download_request(self, request: Request) -> Response:
        response = await super().download_request(request)
        return response.replace(flags=["api"], headers={**response.headers, "X-Api-Request-Id": "1"})


class RetryMiddleware:
    """Asks once more for some URLs."""

    def process_response(self, request: Request, response: Response, spider: Spider) -> Response | Request:
        if crc32(urlsplit(request.url).path.encode()) % SHARE or "again" in request.meta or "robots" in request.url:
            return response
        spider.crawler.stats.inc_value("own/retried")
        return request.replace(meta={**request.meta, "again": True, "dont_cache": True}, dont_filter=True)


class ProxyMiddleware:
    """Sends each request through another proxy than the one before."""

    def __init__(self, proxies: list[str]) -> None:
        self._proxies = cycle(proxies)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler.settings.getlist("ROTATING_PROXY_LIST"))

    def process_request(self, request: Request) -> None:
        request.meta.setdefault("proxy", f"http://{next(self._proxies)}")


class OriginalNames(PdfFilesPipeline):
    """Stores documents under the names that they have on the web."""

    def file_path(
        self, request: Request, response: Response | None = None, info: Any = None, *, item: Any = None
    ) -> str:
        return f"by-name/{Path(urlsplit(request.url).path).name}"


class JsonLines:
    """Writes every item into the file ``JSON_LINES``."""

    def open_spider(self, spider: Spider) -> None:
        self._file = Path(os.environ["JSON_LINES"]).open("w")  # noqa: SIM115 - until the spider is closed

    def process_item(self, item: Any, spider: Spider) -> Any:
        self._file.write(json.dumps(ItemAdapter(item).asdict()) + "\n")
        return item

    def close_spider(self, spider: Spider) -> None:
        self._file.close()


class Sums(Monitor):  # type: ignore[misc]
    """Spidermon's view of the statistics, which it writes into the file ``MONITORED``."""

    def test_that_statistics_add_up(self) -> None:
        stats = {name: value for name, value in self.data.stats.items() if isinstance(value, int | str)}
        Path(os.environ["MONITORED"]).write_text(json.dumps(stats))
        assert stats["downloader/request_count"] == stats["downloader/response_count"]
        assert stats["finish_reason"] == "finished"


class Suite(MonitorSuite):  # type: ignore[misc]
    """What Spidermon runs when the spider is closed."""

    monitors: ClassVar[list[type]] = [Sums]


class ForwardProxy(BaseHTTPRequestHandler):
    """A forward proxy for GET requests over plain HTTP."""

    protocol_version = "HTTP/1.1"
    agents: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        self.agents.add(self.headers["User-Agent"])
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        connection = http.client.HTTPConnection(target.netloc, timeout=60)
        path = f"{target.path}?{target.query}" if target.query else target.path
        connection.request("GET", path, headers={**headers, "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"] or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def forward_proxy() -> ThreadingHTTPServer:
    """A proxy on a free port, that serves once somebody has it do so."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), ForwardProxy)
    server.daemon_threads = True
    return server
