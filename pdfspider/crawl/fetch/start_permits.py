"""Decide when the requests of a lease may start: the first at its time, each further one under a permit."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from pdfspider.crawl.fetch.errors import FetchError, ReleaseRequested
from pdfspider.crawl.fetch.ssrf_guard import look_behind_proxy
from pdfspider.crawl.visit import visit_of
from pdfspider.discovery.urls import host_of
from pdfspider.exceptions import LeaseLost
from pdfspider.frontier.leases import MAX_START_DELAY_S
from pdfspider.frontier.reach import networks_of
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from scrapy import Request
    from scrapy.http import Response

    from pdfspider.crawl.fetch.in_flight import InFlight
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger("pdfspider.crawl.fetch.handler")

MAX_REQUESTS = 100
"""Requests of one lease that middlewares make."""


class StartPermits:
    """The starts of one worker's requests."""

    def __init__(
        self,
        frontier: Frontier,
        in_flight: InFlight,
        robots_verdict: Callable[[str, int], Awaitable[tuple[Outcome, str] | None]],
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """``run`` does something in a task of its own."""
        self._frontier, self._in_flight, self._robots_verdict, self._run = frontier, in_flight, robots_verdict, run

    async def begin(self, request: Request, lease: Lease) -> None:
        """Wait until a request may start.

        Raises LeaseLost, and FetchError if it may not start at all.
        """
        lease.requests += 1
        if lease.requests > MAX_REQUESTS:
            raise FetchError(Outcome.INTERNAL_ERROR, f"a middleware made more than {MAX_REQUESTS} requests for it")
        first = lease.requests == 1
        if lease.entry is not None and request.url != lease.entry.url and visit_of(request).job.robots:
            await self._check_robots(request.url, lease)
        await (self._await(lease.starts_at) if first else self.permit(lease))

    async def permit(self, lease: Lease) -> None:
        """Wait until a further request of a lease may start.

        Raises LeaseLost.
        """
        wait = await self._frontier.permit(lease)
        lease.starts_at = time.monotonic() + wait
        await self._await(lease.starts_at)

    def check(self, lease: Lease) -> None:
        """Check that a request may still be sent: between its permit and this moment the worker may have been stopped.

        Raises LeaseLost, and ReleaseRequested if its turn at the host has passed.
        """
        now = time.monotonic()
        if now > self._frontier.valid_until:
            raise LeaseLost
        if lease.report and now > lease.starts_at + MAX_START_DELAY_S:
            raise ReleaseRequested("its turn at the host has passed")

    def report(self, lease: Lease) -> None:
        """Report a request start for which the frontier waits."""
        self._run(self._frontier.started(lease))

    async def run(self, download: Callable[[Request], Awaitable[Any]], request: Request) -> Response:
        """Download a request with a handler that knows nothing of leases, and record its start."""
        lease = visit_of(request).lease
        with self._in_flight.track(lease):
            await self._check_address(request.url, lease)
            await self.begin(request, lease)
            self.check(lease)
            lease.started_at = time.monotonic()
            logger.debug("start %.6f %s", lease.started_at, request.url)
            if lease.report:
                self.report(lease)
            response: Response = await download(request)
            lease.latency = time.monotonic() - lease.started_at
            return response

    async def _await(self, at: float) -> None:
        early = at - time.monotonic()
        if early > 0:
            await asyncio.sleep(early)
        if time.monotonic() > self._frontier.valid_until:
            raise LeaseLost

    async def _check_robots(self, url: str, lease: Lease) -> None:
        if verdict := await self._robots_verdict(url, lease.reach):
            raise FetchError(*verdict)

    async def _check_address(self, url: str, lease: Lease) -> None:
        """Check the address here, because another handler does not."""
        listed = networks_of(lease.reach)
        networks = await self._frontier.networks(listed) if listed else ""
        await look_behind_proxy(host_of(url), lease, networks, resolve=True)
