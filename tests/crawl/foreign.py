"""Parts that make requests of their own, which tests put into a worker by its settings."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from scrapy import Request, signals
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse
from twisted.internet.defer import Deferred

from tests.crawl.injected import fails

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class Twice:
    """A downloader middleware that retries with a copy of the request, two times."""

    def process_response(self, request: Request, response: Response) -> Response | Request:
        tries = request.meta.get("tries", 0)
        if not fails(request.url, self) or tries == 2:
            return response
        copied = request.copy()
        copied.meta["tries"] = tries + 1
        return copied


class Endless:
    """A downloader middleware that never has enough."""

    def process_response(self, request: Request, response: Response) -> Response | Request:
        return request.copy() if fails(request.url, self) else response


class Circling:
    """A downloader middleware that never lets a request be sent."""

    def process_request(self, request: Request) -> Request | None:
        return request.replace(dont_filter=True) if fails(request.url, self) else None


class Redirecting:
    """A downloader middleware that asks for something else: what stands behind ``to=`` in the URL."""

    def process_request(self, request: Request) -> Request | None:
        _, _, target = request.url.partition("to=")
        return Request(target) if fails(request.url, self) else None


class Renewing(Redirecting):
    """A downloader middleware that asks once more with a request of its own."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def process_request(self, request: Request) -> Request | None:
        if not fails(request.url, self) or request.url in self._seen:
            return None
        self._seen.add(request.url)
        return Request(request.url)


class Recovering:
    """A downloader middleware that tries something else where a fetch failed."""

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        return Request(request.url.replace("Recovering", "recovered")) if fails(request.url, self) else None


class Posting:
    """A downloader middleware that sends a body elsewhere."""

    def process_request(self, request: Request) -> Request | None:
        url = request.url.replace("127.0.0.1", "127.0.0.2")
        return Request(url, method="POST", body=b"body") if fails(request.url, self) else None


class Local:
    """A downloader middleware that asks for a file of the machine."""

    def process_request(self, request: Request) -> Request | None:
        return Request("file:///etc/hostname") if fails(request.url, self) else None


class Cached:
    """A downloader middleware that gives everybody the same response."""

    response = HtmlResponse(
        "http://127.0.0.1/cached",
        body=b"<p>cached</p>",
        encoding="utf-8",
        request=Request("http://127.0.0.1/cached"),
    )

    def process_request(self, request: Request) -> Response | None:
        return self.response if fails(request.url, self) else None


class Losing:
    """An extension that lets no retried request be scheduled, and its own request be sent by nobody."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls()
        crawler.signals.connect(extension.ignore, signals.request_scheduled)
        return extension

    def ignore(self, request: Request) -> None:
        if "tries" in request.meta:
            raise IgnoreRequest


class Downloading:
    """An extension that hands requests of its own to the engine."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.download, signals.response_received)
        return extension

    def download(self, response: Response) -> None:
        assert self._crawler.engine
        self._crawler.engine.crawl(Request(response.urljoin("/own")))
        download = self._crawler.engine.download_async(Request(response.urljoin("/own")))
        self._task = asyncio.ensure_future(download)
        self._task.add_done_callback(lambda task: logging.getLogger(__name__).error("%s", task.exception()))


class Deferring:
    """A downloader middleware that answers with a Deferred, as ``inlineCallbacks`` makes them."""

    def process_request(self, request: Request) -> Deferred[None]:
        answer = Deferred[None]()
        asyncio.get_running_loop().call_soon(answer.callback, None)
        return answer


class NoProxy:
    """A downloader middleware that chooses no proxy, whatever the environment says."""

    def process_request(self, request: Request) -> None:
        request.meta["proxy"] = None


class TimeLimit:
    """A downloader middleware that says how long a request may wait: what stands behind ``to=`` in the URL."""

    def process_request(self, request: Request) -> None:
        if fails(request.url, self):
            request.meta["download_timeout"] = request.url.partition("to=")[2]
