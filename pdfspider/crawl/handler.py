"""The download handler: the first KiB decides; a PDF is streamed to staging, a page is bounded, all else stops there.

Builds on Scrapy's own aiohttp handler (TLS settings, proxies, headers). That module is private to Scrapy: the minor
release is pinned.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import yarl
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler
from scrapy.utils.ssl import _make_ssl_context

from pdfspider.crawl.bodies import Arriving, Chunks, Decoded
from pdfspider.crawl.departures import AwaitedResponse, Departure, LeavingRequest
from pdfspider.crawl.errors import FetchError
from pdfspider.crawl.redirects import REDIRECTS, RedirectChain
from pdfspider.crawl.responses import StagedResponse
from pdfspider.crawl.worker import Worker
from pdfspider.discovery.urls import host_of, origin_of
from pdfspider.documents.errors import StagingError
from pdfspider.documents.head import HEAD_SIZE, Kind, sniff
from pdfspider.documents.tail import judge
from pdfspider.exceptions import LeaseLost
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from ssl import SSLContext

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from pdfspider.documents.staging import Finished
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)
READ_BUFFER = 256 * 1024


class StagingDownloadHandler(AiohttpDownloadHandler):
    """Fetches for a lease: ``request.meta["lease"]``."""

    lazy = True
    experimental: ClassVar[bool] = False

    def __init__(self, crawler: Crawler) -> None:
        super(AiohttpDownloadHandler, self).__init__(crawler)
        self._worker = Worker.of(crawler)
        config = self._config = self._worker.config
        self._make_tls = partial(_make_ssl_context, crawler.settings)
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=config.connect_timeout, sock_read=config.idle_timeout, ceil_threshold=3600
        )
        self._session = aiohttp.ClientSession(
            # The frontier's gate limits connections; a limit here would delay starts behind its back.
            connector=aiohttp.TCPConnector(local_addr=self._bind_address, limit=0, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            request_class=LeavingRequest,
            response_class=AwaitedResponse,
            timeout=self._timeout,
            read_bufsize=READ_BUFFER,
            headers=_default_headers(crawler.settings),
        )

    @cached_property
    def _tls(self) -> SSLContext:
        """Made when it is needed: to load the certificates takes 20 ms."""
        return self._make_tls()

    async def download_request(self, request: Request) -> StagedResponse:
        lease: Lease = request.meta["lease"]
        if verdict := request.meta.get("verdict"):
            raise FetchError(*verdict)
        with self._worker.flights.flying(lease):
            await self._await_start(lease.starts_at)
            return await self._follow(request, lease)

    async def _await_start(self, at: float) -> None:
        early = at - time.monotonic()
        if early > 0:
            await asyncio.sleep(early)
        if time.monotonic() > self._worker.frontier.valid_until:
            raise LeaseLost

    async def _permit(self, lease: Lease) -> None:
        wait = await self._worker.frontier.permit(lease)
        lease.starts_at = time.monotonic() + wait
        await self._await_start(lease.starts_at)

    def _report(self, lease: Lease) -> None:
        self._worker.run(self._worker.frontier.started(lease))

    async def _follow(self, request: Request, lease: Lease) -> StagedResponse:
        """Fetches, and follows redirects within the origin under further start permits."""
        response = await self._fetch(request, request.url, lease)
        if response.status not in REDIRECTS:
            return response
        within = host_of if "whole" in request.meta else origin_of
        chain = RedirectChain(request.url, self._config.max_redirects, within)
        while chain.follow(response):
            if request.meta["job"].robots and (verdict := await self._worker.robots.verdict(chain.url)):
                raise FetchError(*verdict)
            await self._permit(lease)
            response = await self._fetch(request, chain.url, lease, chain.cookie_header())
        response.hops = tuple(chain.hops)
        return response

    async def _fetch(self, request: Request, url: str, lease: Lease, cookies: str = "") -> StagedResponse:
        Departure.current.set(Departure(lease, self._permit, self._report, self._config.idle_timeout))
        try:
            async with self._session.request(
                request.method,
                yarl.URL(url, encoded=True),
                data=request.body or None,
                headers=self._headers_for(request, cookies),
                ssl=self._tls if url.startswith("https:") or "proxy" in request.meta else True,
                allow_redirects=False,
                proxy=self._extract_proxy_url_with_creds(request) if "proxy" in request.meta else None,
            ) as response:
                return await self._read(response, url, request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _fetch_error(error, self._config.connect_timeout, self._config.idle_timeout) from error

    def _headers_for(self, request: Request, cookies: str) -> dict[str, str] | None:
        """What a middleware or a redirect has added to the default headers."""
        if not request.headers and not cookies:
            return None
        own = {key.decode("latin-1"): b",".join(request.headers.getlist(key)) for key in request.headers}
        headers = {key: value.decode("latin-1") for key, value in own.items() if key != "Proxy-Authorization"}
        return {**headers, "Cookie": cookies} if cookies else headers

    async def _read(self, response: Any, url: str, request: Request) -> StagedResponse:
        config, received = self._config, response.headers
        chunks: Chunks = Arriving(response.content, idle_timeout=config.idle_timeout, minimum_rate=config.minimum_rate)
        encoding = received.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            chunks = Decoded(chunks, encoding, max_inflation=config.max_inflation)
        body = await _read_at_least(chunks, HEAD_SIZE, b"")
        kind = sniff(body[:HEAD_SIZE], received.get("Content-Type"))
        staged, flaw = None, None
        limit = request.meta.get("whole", config.page_limit if kind is Kind.HTML else HEAD_SIZE)
        if kind is Kind.PDF and response.status < 300:
            staged, flaw = await self._stage(chunks, body)
            body = b""
        elif response.status < 300 and limit > HEAD_SIZE:
            body = await _read_at_least(chunks, limit, body)
        _spare_connection(response)
        return StagedResponse(
            url,
            status=response.status,
            body=body[:limit],
            request=request,
            received=received,
            kind=kind,
            staged=staged,
            flaw=flaw,
        )

    async def _stage(self, chunks: Chunks, head: bytes) -> tuple[Finished, str | None]:
        file = self._worker.staging.new()
        limit = self._config.document_limit
        broken: aiohttp.ClientPayloadError | None = None
        try:
            await file.write(head)
            self._worker.received += len(head)
            try:
                while chunk := await chunks.next():
                    await file.write(chunk)
                    self._worker.received += len(chunk)
                    if limit and file.size > limit:
                        raise FetchError(Outcome.TOO_LARGE, f"more than {limit} bytes")
            except aiohttp.ClientPayloadError as error:
                broken = error
            finished = await file.finish()
            flaw = f"the connection broke: {broken}" if broken else judge(finished.head, finished.tail, finished.size)
            if flaw:
                await file.discard()
        except StagingError as error:
            raise FetchError(Outcome.STORE_ERROR, str(error)) from error
        except BaseException:
            await asyncio.shield(file.discard())
            raise
        return finished, flaw


def _default_headers(settings: BaseSettings) -> dict[str, str]:
    headers = {name: value for name, value in settings.getdict("DEFAULT_REQUEST_HEADERS").items() if value is not None}
    return {**headers, "User-Agent": settings["USER_AGENT"], "Accept-Encoding": "identity"}


async def _read_at_least(chunks: Chunks, size: int, begun: bytes) -> bytes:
    """Reads on until there are ``size`` bytes, or no more."""
    parts, have = [begun] if begun else [], len(begun)
    while have < size and (chunk := await chunks.next()):
        parts.append(chunk)
        have += len(chunk)
    return b"".join(parts)


def _spare_connection(response: aiohttp.ClientResponse) -> None:
    """A body that is not read to its end costs its connection, unless it is complete already."""
    if not response.content.at_eof():
        response.close()


def _fetch_error(error: Exception, connect_timeout: float, idle_timeout: float) -> FetchError:
    """The class of failure that an exception of aiohttp stands for."""
    text = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return FetchError(Outcome.TIMEOUT, f"no connection within {connect_timeout:g} s")
    if isinstance(error, TimeoutError):
        return FetchError(Outcome.TIMEOUT, f"no byte for {idle_timeout:g} s")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return FetchError(Outcome.DNS_ERROR, text)
    if isinstance(error, aiohttp.ClientSSLError):
        return FetchError(Outcome.TLS_ERROR, text)
    return FetchError(Outcome.CONNECTION_ERROR, text)
