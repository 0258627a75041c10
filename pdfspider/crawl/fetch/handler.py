"""The download handler: sends what a lease asks for when it may, follows redirects, goes on where a connection broke.

Builds on Scrapy's own aiohttp handler (TLS settings, proxies, headers). That module is private to Scrapy: the minor
release is pinned.
"""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar

import aiohttp
import yarl
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler
from scrapy.utils.ssl import _make_ssl_context

from pdfspider.crawl.fetch.cookies import Cookies, NoCookies
from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.crawl.fetch.partial_download import DownloadInterrupted
from pdfspider.crawl.fetch.ranges import Tries
from pdfspider.crawl.fetch.redirects import REDIRECTS, RedirectChain
from pdfspider.crawl.fetch.request_start import RequestStart, TrackedRequest, TrackedResponse
from pdfspider.crawl.fetch.response_reader import ResponseReader
from pdfspider.crawl.fetch.ssrf_guard import look_behind_proxy, open_socket
from pdfspider.crawl.worker import Worker
from pdfspider.discovery.urls import host_of, origin_of
from pdfspider.frontier.reach import networks_of
from pdfspider.items import Outcome
from pdfspider.masking import masked

if TYPE_CHECKING:
    from ssl import SSLContext

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from pdfspider.crawl.fetch.partial_download import PartialDownload
    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.frontier.jobs import Job
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)
READ_BUFFER = 256 * 1024
PRIVATE = frozenset({"Proxy-Authorization"})
"""Headers that are for the proxy."""
AWAY = PRIVATE | {"Authorization", "Cookie"}
"""Headers that another origin does not get either."""
MAX_FIELD = 64 * 1024
"""Bytes of one header: content security policies of more than aiohttp's 8 KiB are met."""


class StagingDownloadHandler(AiohttpDownloadHandler):
    """Fetches for a lease: ``request.meta["lease"]``."""

    lazy = True
    experimental: ClassVar[bool] = False

    def __init__(self, crawler: Crawler) -> None:
        super(AiohttpDownloadHandler, self).__init__(crawler)
        self._worker = Worker.of(crawler)
        config = self._config = self._worker.config
        self._reader, self._starts = ResponseReader(self._worker), self._worker.starts
        self._make_tls = partial(_make_ssl_context, crawler.settings)
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=config.connect_timeout, sock_read=config.idle_timeout, ceil_threshold=3600
        )
        self._session = aiohttp.ClientSession(
            # The frontier's gate limits connections; a limit here would delay starts behind its back.
            connector=aiohttp.TCPConnector(
                local_addr=self._bind_address, limit=0, ttl_dns_cache=300, socket_factory=open_socket
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            request_class=TrackedRequest,
            response_class=TrackedResponse,
            timeout=self._timeout,
            read_bufsize=READ_BUFFER,
            max_field_size=MAX_FIELD,
            headers=_default_headers(crawler.settings),
        )

    @cached_property
    def _tls(self) -> SSLContext:
        """Made when it is needed: to load the certificates takes 20 ms."""
        return self._make_tls()

    async def download_request(self, request: Request) -> StagedResponse:
        lease: Lease = request.meta["lease"]
        with self._worker.in_flight.track(lease):
            await self._starts.begin(request, lease)
            return await self._follow(request, lease)

    async def _follow(self, request: Request, lease: Lease) -> StagedResponse:
        """Fetches, and follows redirects within the origin under further start permits."""
        carried, before = (lease.entry.cookies, len(lease.entry.hops)) if lease.entry else ((), 0)
        header = Cookies(carried).header(request.url) if carried and self._config.cookies else ""
        response = await self._fetch(request, request.url, lease, header)
        if response.status not in REDIRECTS or not (self._config.redirects or "whole" in request.meta):
            return response
        cookies = Cookies(carried) if self._config.cookies else NoCookies()
        within = host_of if "whole" in request.meta else origin_of
        chain = RedirectChain(request.url, self._config.max_redirects - before, cookies, within)
        while chain.follow(response):
            job: Job = request.meta["job"]
            if job.robots and (verdict := await self._worker.robots.verdict(chain.url, lease.reach)):
                raise FetchError(*verdict)
            await self._starts.permit(lease)
            response = await self._fetch(request, chain.url, lease, cookies.header(chain.url))
        response.hops, response.cookies = tuple(chain.hops), cookies
        return response

    async def _fetch(self, request: Request, url: str, lease: Lease, cookies: str = "") -> StagedResponse:
        headers = self._headers_for(request, url, cookies)
        try:
            return await self._ask(request, url, lease, headers, None)
        except DownloadInterrupted as cut:
            return await self._go_on(request, url, lease, headers or {}, cut)

    async def _go_on(
        self, request: Request, url: str, lease: Lease, headers: dict[str, str], cut: DownloadInterrupted
    ) -> StagedResponse:
        """Asks for the rest of a document whose connection broke, or for all of it where it has changed. Whatever else
        is answered is the answer of the visit.
        """
        tries = Tries(self._config.resumes, self._config.retry_delay)
        try:
            while (pause := tries.next(cut.partial.file.size)) is not None:
                logger.debug("%s: %s; going on in %g s", url, cut.flaw, pause)
                await asyncio.sleep(pause)
                await self._starts.permit(lease)
                rest = cut.partial if cut.partial.file.size else None
                ranged = (rest and rest.range_headers()) or {}
                try:
                    return await self._ask(request, url, lease, headers | ranged, rest)
                except DownloadInterrupted as again:
                    cut = again
                except FetchError as error:
                    if error.outcome is not Outcome.CONNECTION_ERROR:
                        raise
        except BaseException:
            cut.partial.file.abandon()
            raise
        cut.partial.file.abandon()
        return cut.partial.response(cut.flaw)

    async def _ask(
        self, request: Request, url: str, lease: Lease, headers: dict[str, str] | None, rest: PartialDownload | None
    ) -> StagedResponse:
        """One request. Raises FetchError, and DownloadInterrupted where it is worth while to go on."""
        networks = await self._worker.frontier.networks(networks_of(lease.reach)) if networks_of(lease.reach) else ""
        if "proxy" in request.meta:
            await look_behind_proxy(host_of(url), lease, networks, resolve=self._config.resolve_for_proxy)
        through = None if "proxy" in request.meta else networks
        request_start = RequestStart(
            lease, self._starts.permit, self._starts.report, self._config.idle_timeout, through
        )
        RequestStart.current.set(request_start)
        try:
            async with self._session.request(
                request.method,
                yarl.URL(url, encoded=True),
                data=request.body or None,
                headers=headers,
                ssl=self._tls if url.startswith("https:") or "proxy" in request.meta else True,
                allow_redirects=False,
                proxy=self._extract_proxy_url_with_creds(request) if "proxy" in request.meta else None,
            ) as response:
                if rest is None:
                    return await self._reader.read(response, url, request)
                return await self._reader.go_on(response, rest)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if request_start.refused:
                raise FetchError(Outcome.OUT_OF_SCOPE, request_start.refused) from error
            raise _fetch_error(error, self._config.connect_timeout, self._config.idle_timeout) from error

    def _headers_for(self, request: Request, url: str, cookies: str) -> dict[str, str] | None:
        """Return what a middleware, a redirect or the seed has added to the default headers.

        What was added for the URL of the request goes to no other origin.
        """
        credentials = self._worker.credentials.header(url) if self._worker.credentials else None
        if not request.headers and not cookies and not credentials:
            return None
        own = {key.decode("latin-1"): b",".join(request.headers.getlist(key)) for key in request.headers}
        kept_back = PRIVATE if url is request.url or origin_of(url) == origin_of(request.url) else AWAY
        headers = {key: value.decode("latin-1") for key, value in own.items() if key not in kept_back}
        if credentials:
            headers.setdefault("Authorization", credentials)
        return {**headers, "Cookie": cookies} if cookies else headers


def _default_headers(settings: BaseSettings) -> dict[str, str]:
    headers = {name: value for name, value in settings.getdict("DEFAULT_REQUEST_HEADERS").items() if value is not None}
    return {**headers, "User-Agent": settings["USER_AGENT"], "Accept-Encoding": "identity"}


def _fetch_error(error: Exception, connect_timeout: float, idle_timeout: float) -> FetchError:
    """The class of failure that an exception of aiohttp stands for."""
    text = masked(str(error)) or type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return FetchError(Outcome.TIMEOUT, f"no connection within {connect_timeout:g} s")
    if isinstance(error, TimeoutError):
        return FetchError(Outcome.TIMEOUT, f"no byte for {idle_timeout:g} s")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return FetchError(Outcome.DNS_ERROR, text)
    if isinstance(error, aiohttp.ClientSSLError):
        return FetchError(Outcome.TLS_ERROR, text)
    return FetchError(Outcome.CONNECTION_ERROR, text)
