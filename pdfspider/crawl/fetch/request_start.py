"""Send each request under a start permit, record when it starts, and limit the time for the response's head."""

from __future__ import annotations

import asyncio
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

import aiohttp

from pdfspider.crawl.fetch.errors import FetchError, GiveBack
from pdfspider.discovery.addresses import OWN, PUBLIC, is_allowed, own_block
from pdfspider.frontier.leases import LATEST_START
from pdfspider.frontier.reach import block_of, with_block
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.connector import Connection
    from yarl import URL

    from pdfspider.frontier.leases import Lease

logger = logging.getLogger("pdfspider.crawl.fetch.handler")


class Timeouts(NamedTuple):
    """Seconds: from a request to the whole head of its answer, and without a byte of its body."""

    head: float
    idle: float


class RequestStart:
    """The start of one request of a lease.

    ``permit`` waits until a further request may start. ``report`` tells the frontier of a start that it waits for.
    ``patience`` is how many seconds the head of the response may take. ``networks`` are the networks that the lease may
    reach besides public addresses, None for a proxy, which the operator has chosen.
    """

    current: ContextVar[RequestStart] = ContextVar("request_start")

    def __init__(
        self,
        lease: Lease,
        permit: Callable[[Lease], Awaitable[None]],
        report: Callable[[Lease], None],
        timeouts: Timeouts,
        networks: str | None = "",
    ) -> None:
        self.timeouts = timeouts
        self.refused = ""
        """Why there was no connection to an address, if the lease may not reach it."""
        self._networks = networks
        self._lease, self._permit, self._report = lease, permit, report
        self._gone = False

    async def leave(self, url: URL) -> None:
        """Wait for a permit if needed, and record the start."""
        if self._gone:
            # aiohttp sends a request again where the connection that was kept for it turns out to be closed.
            await self._permit(self._lease)
        if self._lease.report and time.monotonic() > self._lease.starts_at + LATEST_START:
            raise GiveBack("its turn at the host has passed")
        self._gone = True
        self._lease.started_at = time.monotonic()
        logger.debug("start %.6f %s", self._lease.started_at, url)
        if self._lease.report:
            self._report(self._lease)

    def may_reach(self, address: str) -> bool:
        """Return whether the lease may reach an address, and note why there is no connection if not."""
        if self._networks is None or is_allowed(address, block_of(self._lease.reach), self._networks):
            return True
        self.refused = f"{address} is not a public address"
        return False

    def look_at(self, connection: Connection) -> None:
        """Check the address of a connection, because a kept connection may be another job's.

        Raises FetchError.
        """
        peer = connection.transport and connection.transport.get_extra_info("peername")
        if peer and not self.may_reach(peer[0]):
            raise FetchError(Outcome.OUT_OF_SCOPE, self.refused)
        self.refused = ""  # another address of the same name
        if block_of(self._lease.reach) == OWN:
            own = own_block(peer[0]) if peer and self._networks is not None else PUBLIC
            self._lease.settle_reach(with_block(self._lease.reach, own))

    def answered(self) -> None:
        """Record the latency of the response."""
        assert self._lease.started_at is not None
        self._lease.latency = time.monotonic() - self._lease.started_at


class TrackedRequest(aiohttp.ClientRequest):
    """A request that knows when it is sent, which may be long after it was made."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send the request when it may start."""
        request_start = RequestStart.current.get()
        request_start.look_at(conn)
        await request_start.leave(self.url)
        return await super().send(conn)


class TrackedResponse(aiohttp.ClientResponse):
    """A response whose head has a time limit, because one that drips in is never idle."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Read the head within the time limit."""
        request_start = RequestStart.current.get()
        patience = request_start.timeouts.head
        try:
            async with asyncio.timeout(patience):
                response = await super().start(connection)
        except TimeoutError:
            raise FetchError(Outcome.TIMEOUT, f"no whole head of an answer within {patience:g} s") from None
        request_start.answered()
        if connection.protocol is not None and not self.content.is_eof():
            connection.protocol.read_timeout = request_start.timeouts.idle
            connection.protocol.start_timeout()
        return response
