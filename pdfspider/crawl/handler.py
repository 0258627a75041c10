"""The download handler: the first KiB decides; a PDF is streamed to staging, a page is bounded, all else stops there.

Builds on Scrapy's own aiohttp handler (TLS settings, proxies, headers). That module is private to Scrapy: the minor
release is pinned.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import yarl
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler, _ClientResponse
from scrapy.http import Headers
from scrapy.utils.ssl import _make_ssl_context

from pdfspider.crawl.bodies import arriving, decoded
from pdfspider.crawl.errors import FetchError
from pdfspider.crawl.redirects import RedirectChain
from pdfspider.crawl.responses import StagedResponse
from pdfspider.crawl.worker import Worker
from pdfspider.documents.errors import StagingError
from pdfspider.documents.head import HEAD_SIZE, Kind, sniff
from pdfspider.documents.tail import judge
from pdfspider.exceptions import LeaseLost
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.connector import Connection
    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.documents.staging import Finished
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)
sending: ContextVar[Lease] = ContextVar("sending")


class _ClientRequest(aiohttp.ClientRequest):
    """Notes when the request is really sent, which may be long after it was made: a connection comes first."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if lease := sending.get(None):
            lease.started_at = time.monotonic()
            logger.debug("start %.6f %s", lease.started_at, self.url)
        return await super().send(conn)


class StagingDownloadHandler(AiohttpDownloadHandler):
    """Fetches for a lease: ``request.meta["lease"]``."""

    lazy: ClassVar[bool] = True
    experimental: ClassVar[bool] = False

    def __init__(self, crawler: Crawler) -> None:
        super(AiohttpDownloadHandler, self).__init__(crawler)
        self._worker = Worker.of(crawler)
        config = self._config = self._worker.config
        self._ssl_context = _make_ssl_context(crawler.settings)
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=config.connect_timeout, sock_read=config.idle_timeout, ceil_threshold=3600
        )
        self._session = aiohttp.ClientSession(
            # The frontier's gate limits connections; a limit here would delay starts behind its back.
            connector=aiohttp.TCPConnector(local_addr=self._bind_address, limit=0, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            request_class=_ClientRequest,
            response_class=_ClientResponse,
            timeout=self._timeout,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def download_request(self, request: Request) -> StagedResponse:  # type: ignore[override]
        lease: Lease = request.meta["lease"]
        if verdict := request.meta.get("verdict"):
            raise FetchError(*verdict)
        sending.set(lease)
        with self._worker.flights.flying(lease):
            await self._await_start(lease.starts_at)
            return await self._follow(request, lease)

    async def _await_start(self, at: float) -> None:
        early = at - time.monotonic()
        if early > 0:
            await asyncio.sleep(early)
        if time.monotonic() > self._worker.frontier.valid_until:
            raise LeaseLost

    async def _follow(self, request: Request, lease: Lease) -> StagedResponse:
        """Fetches, and follows redirects within the host under further start permits."""
        chain = RedirectChain(request.url, self._config.max_redirects)
        while True:
            response = await self._fetch(request, chain, lease)
            if not chain.follow(response):
                response.hops = tuple(chain.hops)
                return response
            if request.meta.get("obey_robots") and (verdict := await self._worker.robots.verdict(chain.url)):
                raise FetchError(*verdict)
            wait = await self._worker.frontier.permit(lease)
            await self._await_start(time.monotonic() + wait)

    async def _fetch(self, request: Request, chain: RedirectChain, lease: Lease) -> StagedResponse:
        headers = self._request_headers(request)
        if cookies := chain.cookie_header():
            headers[b"Cookie"] = cookies
        try:
            async with self._session.request(
                request.method,
                yarl.URL(chain.url, encoded=True),
                data=request.body or None,
                headers=headers.to_tuple_list(),
                ssl=self._ssl_context,
                allow_redirects=False,
                proxy=self._extract_proxy_url_with_creds(request),
            ) as response:
                if lease.report:
                    await self._worker.frontier.started(lease)
                return await self._read(response, chain.url, request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _fetch_error(error, self._config.connect_timeout, self._config.idle_timeout) from error

    async def _read(self, response: Any, url: str, request: Request) -> StagedResponse:
        chunks = arriving(
            response.content, idle_timeout=self._config.idle_timeout, minimum_rate=self._config.minimum_rate
        )
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            chunks = decoded(chunks, encoding, max_inflation=self._config.max_inflation)
        head = await _read_at_least(chunks, HEAD_SIZE)
        kind = sniff(bytes(head[:HEAD_SIZE]), response.headers.get("Content-Type"))
        staged, flaw = None, None
        limit = request.meta.get("whole", self._config.page_limit if kind is Kind.HTML else HEAD_SIZE)
        if kind is Kind.PDF and response.status < 300:
            staged, flaw = await self._stage(chunks, bytes(head))
            head = bytearray()
        elif response.status < 300:
            head = await _read_at_least(chunks, limit, head)
        del head[limit:]
        _spare_connection(response)
        return self._response(response, url, request, body=bytes(head), kind=kind, staged=staged, flaw=flaw)

    async def _stage(self, chunks: AsyncIterator[bytes], head: bytes) -> tuple[Finished, str | None]:
        file = self._worker.staging.new()
        limit = self._config.document_limit
        broken: aiohttp.ClientPayloadError | None = None
        try:
            await file.write(head)
            try:
                async for chunk in chunks:
                    await file.write(chunk)
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

    def _response(self, response: Any, url: str, request: Request, **parts: Any) -> StagedResponse:
        headers = Headers(list(response.headers.items()))
        headers.pop(b"Content-Encoding", None)
        peer = response._peername  # noqa: SLF001 - the response class is Scrapy's
        return StagedResponse(
            url,
            status=response.status,
            headers=headers,
            request=request,
            ip_address=ipaddress.ip_address(peer[0].partition("%")[0]) if peer else None,
            protocol="HTTP/1.1",
            **parts,
        )


async def _read_at_least(chunks: AsyncIterator[bytes], size: int, body: bytearray | None = None) -> bytearray:
    body = bytearray() if body is None else body
    while len(body) < size:
        chunk = await anext(chunks, None)
        if chunk is None:
            break
        body += chunk
    return body


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
