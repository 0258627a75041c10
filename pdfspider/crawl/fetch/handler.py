"""The download handler: send requests of a lease, follow redirects, and resume broken downloads.

It builds on Scrapy's own aiohttp handler (TLS settings, proxies, headers). That module is private to Scrapy, whose
minor release is pinned.
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
from pdfspider.crawl.fetch.errors import FetchError, RedirectsToItself
from pdfspider.crawl.fetch.partial_download import DownloadInterrupted
from pdfspider.crawl.fetch.ranges import Tries
from pdfspider.crawl.fetch.redirects import REDIRECTS, RedirectChain
from pdfspider.crawl.fetch.referer import Referers
from pdfspider.crawl.fetch.request_start import RequestStart, Timeouts, TrackedRequest, TrackedResponse
from pdfspider.crawl.fetch.response_reader import ResponseReader
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.crawl.fetch.sessions import REFUSED, Sessions, is_refused
from pdfspider.crawl.fetch.ssrf_guard import look_behind_proxy, open_socket
from pdfspider.crawl.worker import Worker
from pdfspider.discovery.urls import host_of, origin_of
from pdfspider.frontier.reach import networks_of
from pdfspider.items import Outcome
from pdfspider.masking import masked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from pdfspider.frontier.jobs import Job
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)
READ_BUFFER = 256 * 1024
PRIVATE = frozenset({"Proxy-Authorization"})
"""Headers that are for the proxy."""
AWAY = PRIVATE | {"Authorization", "Cookie"}
"""Headers that another origin does not get either."""
MAYBE_REFUSED = REDIRECTS.union(REFUSED)
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
        self._sessions, self._referers = Sessions(enabled=config.cookies), Referers(crawler.settings)
        default_headers = _default_headers(crawler.settings)
        self._cookie = next((value for name, value in default_headers.items() if name.lower() == "cookie"), "")
        # The head of an answer and its body have times of their own: see TrackedResponse.
        self._timeout = aiohttp.ClientTimeout(total=None, connect=config.connect_timeout, ceil_threshold=3600)
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
            headers=default_headers,
        )

    @cached_property
    def _tls(self) -> SSLContext:
        """Return the TLS context, made at first use because loading the certificates takes 20 ms."""
        return self._make_tls()

    async def download_request(self, request: Request) -> StagedResponse:
        """Fetch a request when it may start, and return the response."""
        lease: Lease = request.meta["lease"]
        with self._worker.in_flight.track(lease):
            await self._starts.begin(request, lease)
            return await self._follow(request, lease)

    async def _follow(self, request: Request, lease: Lease) -> StagedResponse:
        """Fetch, and follow redirects within the origin under further start permits."""
        entry = lease.entry
        sent = self._sessions.header(lease.run, request.url) if entry else ""
        try:
            response = await self._visit(request, lease)
        except RedirectsToItself:
            if again := await self._renew(request, lease, sent):
                return again
            raise
        if entry and (response.hops or response.status in MAYBE_REFUSED):
            new = self._sessions.header(lease.run, request.url) != sent
            if is_refused(entry, response, new_cookies=new):
                return await self._renew(request, lease, sent) or response
        return response

    async def _visit(self, request: Request, lease: Lease) -> StagedResponse:
        """Fetch, and follow redirects within the origin under further start permits."""
        carried, before = (lease.entry.cookies, len(lease.entry.hops)) if lease.entry else ((), 0)
        header = (
            self._sessions.header(lease.run, request.url, Cookies(carried if self._config.cookies else ()))
            if lease.entry
            else ""
        )
        response = await self._fetch(request, request.url, lease, header)
        if response.status not in REDIRECTS or not (self._config.redirects or "whole" in request.meta):
            return response
        cookies = Cookies(carried) if self._config.cookies else NoCookies()
        within = host_of if "whole" in request.meta else origin_of
        chain = RedirectChain(request.url, self._config.max_redirects - before, cookies, within)
        while chain.follow(response):
            await self._check_robots(request, chain.url, lease)
            await self._starts.permit(lease)
            header = self._sessions.header(lease.run, chain.url, cookies)
            response = await self._fetch(request, chain.url, lease, header)
        response.hops, response.cookies = tuple(chain.hops), cookies
        return response

    async def _check_robots(self, request: Request, url: str, lease: Lease) -> None:
        job: Job = request.meta["job"]
        if job.robots and (verdict := await self._worker.robots.verdict(url, lease.reach)):
            raise FetchError(*verdict)

    async def _renew(self, request: Request, lease: Lease, sent: str) -> StagedResponse | None:
        """Fetch once more what was refused with the cookies ``sent``.

        Return None where there are no other cookies, by now or after a further visit to the page with the link.
        """
        run, url, host = lease.run, request.url, host_of(request.url)
        entry = lease.entry
        if entry is None or request.method != "GET" or not self._sessions.may_help(run, host):
            return None
        helped, response = False, None
        try:
            if self._sessions.header(run, url) == sent and entry.found_on and host_of(entry.found_on) == host:
                await self._visit_again(request, entry.found_on, lease)
            if self._sessions.header(run, url) != sent:
                await self._starts.permit(lease)
                response = await self._visit(request, lease)
                helped = not is_refused(entry, response, new_cookies=False)
        except FetchError as error:
            logger.debug("%s: once more in vain: %s", url, error)
        self._sessions.note(run, host, helped=helped)
        return response

    async def _visit_again(self, request: Request, page: str, lease: Lease) -> None:
        """Ask for the page with the link for the sake of the cookies that it sets. Raises FetchError."""

        async def leave(response: aiohttp.ClientResponse) -> StagedResponse:
            response.close()
            return StagedResponse(page, status=response.status, request=request, received=response.headers)

        await self._check_robots(request, page, lease)
        await self._starts.permit(lease)
        headers = {"Cookie": cookies} if (cookies := self._sessions.header(lease.run, page)) else None
        await self._ask(request, page, lease, headers, leave)

    async def _fetch(self, request: Request, url: str, lease: Lease, cookies: str = "") -> StagedResponse:
        headers = self._headers_for(request, url, cookies)
        try:
            return await self._ask(request, url, lease, headers, partial(self._reader.read, url=url, request=request))
        except DownloadInterrupted as cut:
            return await self._go_on(request, url, lease, headers or {}, cut)

    async def _go_on(
        self, request: Request, url: str, lease: Lease, headers: dict[str, str], cut: DownloadInterrupted
    ) -> StagedResponse:
        """Request the rest of a document whose connection broke, or all of it if it has changed.

        Any other response becomes the response of the visit.
        """
        tries = Tries(self._config.resumes, self._config.retry_delay)
        try:
            while (pause := tries.next(cut.partial.file.size)) is not None:
                logger.debug("%s: %s; going on in %g s", url, cut.flaw, pause)
                await asyncio.sleep(pause)
                await self._starts.permit(lease)
                ranged = (cut.partial.file.size and cut.partial.range_headers()) or {}
                go_on = partial(self._reader.go_on, partial=cut.partial)
                try:
                    return await self._ask(request, url, lease, headers | ranged, go_on)
                except DownloadInterrupted as again:
                    cut = again
                except FetchError as error:
                    if error.outcome not in (Outcome.CONNECTION_ERROR, Outcome.TIMEOUT):
                        raise
        except BaseException:
            cut.partial.file.abandon()
            raise
        return self._reader.give_up(cut)

    async def _ask(
        self,
        request: Request,
        url: str,
        lease: Lease,
        headers: dict[str, str] | None,
        read: Callable[[aiohttp.ClientResponse], Awaitable[StagedResponse]],
    ) -> StagedResponse:
        """Send one request.

        Raises FetchError, and DownloadInterrupted if it is worth resuming.
        """
        networks = await self._worker.frontier.networks(networks_of(lease.reach)) if networks_of(lease.reach) else ""
        if "proxy" in request.meta:
            await look_behind_proxy(host_of(url), lease, networks, resolve=self._config.resolve_for_proxy)
        head = request.meta.get("download_timeout") or self._config.answer_timeout
        timeouts = Timeouts(head, self._config.idle_timeout)
        through = None if "proxy" in request.meta else networks
        request_start = RequestStart(lease, self._starts.permit, self._starts.report, timeouts, through)
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
                if lease.entry and "Set-Cookie" in response.headers:
                    self._sessions.take(lease.run, url, response.headers.getall("Set-Cookie"))
                return await read(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if request_start.refused:
                raise FetchError(Outcome.OUT_OF_SCOPE, request_start.refused) from error
            raise _fetch_error(error, self._config.connect_timeout, self._config.idle_timeout) from error

    def _headers_for(self, request: Request, url: str, cookies: str) -> dict[str, str] | None:
        """Return the headers that a middleware, a redirect or the seed has added to the default ones.

        Headers that were added for the URL of the request are sent to no other origin.
        """
        entry = request.meta["lease"].entry
        credentials = self._worker.credentials.header(url) if entry and self._worker.credentials else None
        referer = self._referers.header(entry.found_on, url) if entry else None
        if not request.headers and not cookies and not credentials:
            return {"Referer": referer} if referer else None
        own = {key.decode("latin-1"): b",".join(request.headers.getlist(key)) for key in request.headers}
        kept_back = PRIVATE if url is request.url or origin_of(url) == origin_of(request.url) else AWAY
        headers = {key: value.decode("latin-1") for key, value in own.items() if key not in kept_back}
        if credentials:
            headers.setdefault("Authorization", credentials)
        if referer:
            headers.setdefault("Referer", referer)
        if cookies:
            given = headers.get("Cookie") or self._cookie
            headers["Cookie"] = f"{given}; {cookies}" if given else cookies
        return headers


def _default_headers(settings: BaseSettings) -> dict[str, str]:
    headers = {name: value for name, value in settings.getdict("DEFAULT_REQUEST_HEADERS").items() if value is not None}
    return {**headers, "User-Agent": settings["USER_AGENT"], "Accept-Encoding": "identity"}


def _fetch_error(error: Exception, connect_timeout: float, idle_timeout: float) -> FetchError:
    """Return the class of failure of an exception of aiohttp."""
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
