"""A downloader without slots, because the frontier's host gate decides when a host may be asked."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import RedisError
from scrapy import Request
from scrapy.core.downloader.handlers import DownloadHandlers
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.utils.defer import deferred_from_coro, ensure_awaitable
from scrapy.utils.httpobj import urlparse_cached
from scrapy.utils.misc import build_from_crawler

from pdfspider.crawl.fetch.downloader_stats import DownloaderStats
from pdfspider.crawl.fetch.errors import FetchError, ReleaseRequested
from pdfspider.crawl.fetch.foreign_requests import ORDINARY_KEYS, NoLease, note_keys, own_response, take_over
from pdfspider.crawl.fetch.handler import StagingDownloadHandler
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.crawl.scrapy_internals import fault_of_handler
from pdfspider.crawl.visit import lease_of, visit_of
from pdfspider.crawl.worker import Worker
from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Outcome
from pdfspider.tasks import EXIT_EXCEPTIONS, as_failure

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.internet.defer import Deferred


HTTP_CACHE = "scrapy.downloadermiddlewares.httpcache"
MAX_CACHED_SIZE = 16 * 1024**2
"""Bytes of a response that a cache gets, which has it in memory."""


class Middlewares(DownloaderMiddlewareManager):
    """Runs the downloader middlewares, and awaits only those that return an awaitable."""

    async def _process_request(self, request: Request, download_func: Any) -> Response | Request:
        for method in self.methods["process_request"]:
            assert method is not None
            result = self._handle_mw_method(method, request=request)
            if isawaitable(result):
                result = await ensure_awaitable(result)
            if result is not None:
                return cast("Response | Request", result)
        return cast("Response", await download_func(request))


class Handlers(DownloadHandlers):
    """Finds the download handler by the URL's scheme; every request goes through its host's gate.

    Raises ConfigurationError if there is none for http or https.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        for scheme in ("http", "https"):
            if fault := fault_of_handler(self, scheme):
                raise ConfigurationError(f"DOWNLOAD_HANDLERS: nothing of {scheme} can be fetched: {fault}")
        self._stats = DownloaderStats(crawler)

    async def download_request_async(self, request: Request) -> Response:
        """Download a request with its handler."""
        handler = self._get_handler(request.url.partition(":")[0])
        if len(request.meta) > ORDINARY_KEYS:
            note_keys(request.meta)
        self._stats.note_request(request)
        try:
            if isinstance(handler, StagingDownloadHandler):
                response: Response = await handler.download_request(request)
            else:
                response = await Worker.of(self._crawler).starts.run(super().download_request_async, request)
        except RedisError as error:
            self._stats.note_failure(error)
            raise ReleaseRequested(f"the frontier cannot be asked: {error}") from error
        except Exception as error:
            self._stats.note_failure(error)
            raise
        finally:
            self._stats.note_end(request)
        self._stats.note_response(request, response)
        return response


def caches(middlewares: Iterable[object]) -> bool:
    """Return whether one of the middlewares caches responses, with their bodies."""
    return any(kind.__module__ == HTTP_CACHE for each in middlewares for kind in type(each).__mro__)


class Downloader:
    """Scrapy's downloader as the engine needs it: middlewares, handlers, and a limit on requests in flight."""

    def __init__(self, crawler: Crawler) -> None:
        self.active: set[Request] = set()
        self.slots: dict[str, Any] = {}
        self.handlers = Handlers(crawler)
        self.total_concurrency = Worker.of(crawler).config.concurrency
        self.middleware = build_from_crawler(Middlewares, crawler)
        self._download = self.handlers.download_request_async
        if caches(self.middleware.middlewares):
            self._download = self._download_whole

    def fetch(self, request: Request) -> Deferred[Response | Request]:
        """Return a Deferred for the response."""
        return deferred_from_coro(self.begin(request))

    def begin(self, request: Request) -> Coroutine[Any, Any, Response | Request]:
        """Count the request as active, and return the coroutine that fetches it.

        Until it is counted, the engine would start further requests. Raises NoLease.
        """
        if lease_of(request) is None:
            raise NoLease
        self.active.add(request)
        return self._fetch(request)

    async def _fetch(self, request: Request) -> Response | Request:
        try:
            if verdict := visit_of(request).verdict:  # no request to any middleware
                raise FetchError(*verdict)
            result = await self.middleware.download_async(self._download, request)
            return take_over(result, request) if isinstance(result, Request) else own_response(result, request)
        except RedisError as error:  # of a middleware: the frontier's are ReleaseRequested
            raise FetchError(Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}") from error
        except EXIT_EXCEPTIONS as error:
            raise as_failure(error) from error
        finally:
            self.active.remove(request)

    async def _download_whole(self, request: Request) -> Response:
        """Download a request for a cache: with all of its body, or not to be cached."""
        response = await self.handlers.download_request_async(request)
        if isinstance(response, StagedResponse):
            whole = not visit_of(request).earlier and await asyncio.to_thread(response.load_whole, MAX_CACHED_SIZE)
            if not whole:
                request.meta["dont_cache"] = True
        return response

    def needs_backout(self) -> bool:
        """Return whether the limit is reached."""
        return len(self.active) >= self.total_concurrency

    def get_slot_key(self, request: Request) -> str:
        """Return the host of a request."""
        return urlparse_cached(request).hostname or ""

    def close(self) -> None:
        """Do nothing, because handlers close with the engine."""
