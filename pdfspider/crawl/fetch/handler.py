"""The download handler: send requests of a lease, follow redirects, and resume broken downloads."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.base import BaseDownloadHandler

from pdfspider.crawl.fetch.bodies.partial_download import DownloadInterrupted
from pdfspider.crawl.fetch.bodies.ranges import RangeTries
from pdfspider.crawl.fetch.bodies.response_reader import ResponseReader
from pdfspider.crawl.fetch.client import open_files
from pdfspider.crawl.fetch.client.client import MAX_IDLE_CONNECTIONS, Client, ClientRequest
from pdfspider.crawl.fetch.client.options import client_options, proxy_options
from pdfspider.crawl.fetch.cookies import Cookies, NoCookies
from pdfspider.crawl.fetch.download_signals import DownloadSignals
from pdfspider.crawl.fetch.errors import FetchError, RedirectsToItself, StartAgain
from pdfspider.crawl.fetch.redirects import REDIRECT_STATUSES, RedirectChain, redirect_target, redirected_request
from pdfspider.crawl.fetch.request_headers import RequestHeaders
from pdfspider.crawl.fetch.request_start import RequestStart, Timeouts, seconds_of
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.crawl.fetch.sessions import REFUSED_STATUSES, Sessions, is_refused, of_this_session, set_by_script
from pdfspider.crawl.fetch.ssrf_guard import look_behind_proxy
from pdfspider.crawl.visit import visit_of
from pdfspider.crawl.worker import Worker
from pdfspider.discovery.signed_urls import has_session
from pdfspider.discovery.urls import host_of, origin_of
from pdfspider.frontier.reach import networks_of
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy import Request
    from scrapy.crawler import Crawler

    from pdfspider.crawl.fetch.client.transfer import Transfer
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger(__name__)
MAYBE_REFUSED = REDIRECT_STATUSES.union(REFUSED_STATUSES)
MAX_PAGES = 3
"""Pages that are visited again for cookies."""


class StagingDownloadHandler(BaseDownloadHandler):
    """Fetches the requests of visits, under their leases."""

    lazy = True

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        worker = Worker.of(crawler)
        config = self._config = worker.config
        self._starts, self._in_flight, self._frontier = worker.starts, worker.in_flight, worker.frontier
        self._robots_verdict = worker.robots.verdict
        self._reader = ResponseReader(
            config,
            staging=worker.staging,
            storage=worker.storage,
            opener=worker.opener,
            signals=DownloadSignals(crawler),
            received=worker.received,
        )
        self._sessions = Sessions(enabled=config.cookies)
        self._headers = RequestHeaders(crawler.settings, worker.credentials)
        options = client_options(crawler.settings, config.connect_timeout)
        self._client = Client(
            self._headers.default, options, open_files.spare(MAX_IDLE_CONNECTIONS, config.concurrency)
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def download_request(self, request: Request) -> StagedResponse:
        """Fetch a request when it may start, and return the response."""
        lease = visit_of(request).lease
        with self._in_flight.track(lease):
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
        if entry and (set_here := set_by_script(entry, response)):
            self._sessions.take(lease.run, response.url, set_here)
            if self._sessions.header(lease.run, request.url) != sent:
                return await self._renew(request, lease, sent) or response
        if entry and (response.hops or response.status in MAYBE_REFUSED):
            new = self._sessions.header(lease.run, request.url) != sent
            if is_refused(entry, response, new_cookies=new):
                return await self._renew(request, lease, sent) or response
        return response

    async def _visit(self, request: Request, lease: Lease) -> StagedResponse:
        """Fetch, and follow redirects within the origin under further start permits."""
        carried, before = (lease.entry.cookies, len(lease.entry.hops)) if lease.entry else ((), 0)
        visit = Cookies(carried) if carried and self._config.cookies else None
        header = self._sessions.header(lease.run, request.url, visit) if lease.entry else ""
        response = await self._fetch(request, request.url, lease, header)
        if response.status not in REDIRECT_STATUSES or not self._follows(request):
            return response
        cookies = Cookies(carried) if self._config.cookies else NoCookies()
        within = host_of if visit_of(request).body_limit else origin_of
        limit = self._config.max_redirects - before
        chain = RedirectChain(request.url, limit, cookies, within, method=request.method)
        while chain.follow(response):
            request = redirected_request(request, response.status)
            await self._check_robots(request, chain.url, lease)
            await self._starts.permit(lease)
            header = self._sessions.header(lease.run, chain.url, cookies)
            response = await self._fetch(request, chain.url, lease, header)
        response.hops, response.cookies = tuple(chain.hops), cookies
        return response

    def _follows(self, request: Request) -> bool:
        """Return whether redirects of a request are followed."""
        if visit_of(request).body_limit:
            return True
        return self._config.redirects and not request.meta.get("dont_redirect")

    async def _check_robots(self, request: Request, url: str, lease: Lease) -> None:
        if visit_of(request).job.robots and (verdict := await self._robots_verdict(url, lease.reach)):
            raise FetchError(*verdict)

    async def _renew(self, request: Request, lease: Lease, sent: str) -> StagedResponse | None:
        """Fetch once more what was refused with the cookies ``sent``.

        Return None where there are no other cookies, by now or after a further visit to the page with the link, and no
        link of this session there.
        """
        run, url, host, entry = lease.run, request.url, host_of(request.url), lease.entry
        if entry is None or request.method != "GET" or not self._sessions.may_help(run, host):
            return None
        helped, response = False, None
        near = entry.found_on if entry.found_on and host_of(entry.found_on) == host else ""
        try:
            response = await self._of_this_session(request, near, lease)
            if response is None and near and self._sessions.header(run, url) == sent:
                await self._seek_cookies(request, near, lease, sent)
            if response is None and self._sessions.header(run, url) != sent:
                response = await self._of_this_session(request, near, lease)
            if response is None and self._sessions.header(run, url) != sent:
                await self._starts.permit(lease)
                response = await self._visit(request, lease)
            helped = response is not None and not is_refused(entry, response, new_cookies=False)
        except FetchError as error:
            logger.debug("%s: once more in vain: %s", url, error)
        self._sessions.note(run, host, helped=helped)
        return response

    async def _of_this_session(self, request: Request, page: str, lease: Lease) -> StagedResponse | None:
        """Fetch what a link leads to that belongs to another session, by the link that its page has for this worker.

        Return None if there is none. The session may change in between, where another visit has begun one at the same
        time: then it is tried once more. Raises FetchError.
        """
        response, entry = None, lease.entry
        if not (page and entry and has_session(request.url)):
            return None
        for _ in range(2):
            fresh = await self._link_of_this_session(request, page, lease)
            if fresh is None:
                break
            await self._check_robots(request, fresh, lease)
            await self._starts.permit(lease)
            response = await self._visit(request.replace(url=fresh), lease)
            if not is_refused(entry, response, new_cookies=False):
                break
        return response

    async def _link_of_this_session(self, request: Request, page: str, lease: Lease) -> str | None:
        """Return the link of a page that leads to what a request was for. Raises FetchError."""
        await self._check_robots(request, page, lease)
        await self._starts.permit(lease)
        headers = {"Cookie": cookies} if (cookies := self._sessions.header(lease.run, page)) else None
        read = partial(self._reader.read_page, url=page, request=request)
        response = await self._ask(request, page, lease, headers, read)
        links = await asyncio.to_thread(self._config.discovery.links, response.body, response.url)
        return lease.entry and of_this_session(lease.entry, links)

    async def _seek_cookies(self, request: Request, page: str, lease: Lease, sent: str) -> None:
        """Ask for the page with the link, where that sends who lacks cookies, and the first page of the site.

        End with the first that sets others than those ``sent``. Raises FetchError.
        """
        origin, pages = origin_of(page), [page]
        for asked in range(MAX_PAGES):
            response = await self._visit_again(request, pages[asked], lease)
            if self._sessions.header(lease.run, request.url) != sent:
                return
            others = (redirect_target(response), f"{origin}/")
            pages += [one for one in others if one and one not in pages and origin_of(one) == origin]
            if asked + 1 >= len(pages):
                return

    async def _visit_again(self, request: Request, page: str, lease: Lease) -> StagedResponse:
        """Ask for a page for the sake of the cookies that it sets. Raises FetchError."""

        async def leave(response: Transfer) -> StagedResponse:
            return StagedResponse(page, status=response.status, request=request, received=response.headers)

        await self._check_robots(request, page, lease)
        await self._starts.permit(lease)
        headers = {"Cookie": cookies} if (cookies := self._sessions.header(lease.run, page)) else None
        return await self._ask(request, page, lease, headers, leave)

    async def _fetch(self, request: Request, url: str, lease: Lease, cookies: str = "") -> StagedResponse:
        headers = self._headers.added(request, lease.entry, url, cookies)
        try:
            in_parts = request.method == "GET"
            read = partial(self._reader.read, url=url, request=request, in_parts=in_parts)
            return await self._ask(request, url, lease, headers, read)
        except DownloadInterrupted as cut:
            return await self._go_on(request, url, lease, headers or {}, cut)

    async def _go_on(
        self, request: Request, url: str, lease: Lease, headers: dict[str, str], cut: DownloadInterrupted
    ) -> StagedResponse:
        """Request the rest of a document whose connection broke, or all of it if it has changed.

        Any other response becomes the response of the visit.
        """
        tries = RangeTries(self._config.resumes, self._config.retry_delay)
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
        read: Callable[[Transfer], Awaitable[StagedResponse]],
    ) -> StagedResponse:
        """Send one request.

        Raises FetchError, and DownloadInterrupted if it is worth resuming.
        """
        start = await self._start(request, url, lease)
        options = proxy_options(request) if request.meta.get("proxy") else ()
        outgoing = ClientRequest(url, headers, request.method, request.body, options)
        response = await self._send(outgoing, start, lease)
        try:
            if lease.entry and "Set-Cookie" in response.headers:
                self._sessions.take(lease.run, url, response.headers.getall("Set-Cookie"))
            return await read(response)
        finally:
            response.close()

    async def _start(self, request: Request, url: str, lease: Lease) -> RequestStart:
        """Return the start of one request of a lease. Raises FetchError for an address that it may not reach."""
        config, listed = self._config, networks_of(lease.reach)
        networks: str | None = await self._frontier.networks(listed) if listed else ""
        meta = request.meta
        if meta.get("proxy"):
            await look_behind_proxy(host_of(url), lease, networks or "", resolve=config.resolve_for_proxy)
            networks = None
        timeouts = Timeouts(config.connect_timeout, config.answer_timeout, config.idle_timeout)
        if wanted := meta.get("download_timeout"):
            timeouts = timeouts._replace(head=seconds_of(wanted))
        return RequestStart(url, lease, self._starts, timeouts, networks)

    async def _send(self, outgoing: ClientRequest, start: RequestStart, lease: Lease) -> Transfer:
        while True:
            try:
                return await self._client.send(outgoing, start)
            except StartAgain:
                await self._starts.permit(lease)
                start.may_be_sent_again()
