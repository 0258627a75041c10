"""The start of each request: when it may be sent, to which address, and when it was."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from pdfspider.crawl.fetch.errors import FetchError, StartAgain
from pdfspider.discovery.addresses import OWN_BLOCK, PUBLIC_BLOCK, is_allowed, own_block
from pdfspider.frontier.reach import block_of, with_block
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from pdfspider.frontier.leases import Lease

logger = logging.getLogger("pdfspider.crawl.fetch.handler")
MAX_TIMEOUT_S = 1e9
"""About 30 years: the event loop takes no longer ones."""


class Timeouts(NamedTuple):
    """Seconds: for a connection, from the request to the whole head of its answer, and without a byte of its body."""

    connect: float
    head: float
    idle: float


class StartReporter(Protocol):
    """The part of the starts of a worker's requests that each of them needs."""

    def check(self, lease: Lease) -> None:
        """Raise LeaseLost or ReleaseRequested if a request of the lease may not be sent any more."""

    def report(self, lease: Lease) -> None:
        """Report a request start for which the frontier waits."""


class RequestStart:
    """The start of one request of a lease.

    ``networks`` are the networks that the lease may reach
    besides public addresses, None for a proxy, which the operator has chosen.
    """

    def __init__(
        self,
        url: str,
        lease: Lease,
        starts: StartReporter,
        timeouts: Timeouts,
        networks: str | None = "",
    ) -> None:
        self.url, self.timeouts = url, timeouts
        self.refused = ""
        """Why there was no connection to an address, if the lease may not reach it."""
        self.is_without_socket = False
        """True if there is no connection because no more files can be opened."""
        self._networks = networks
        self._lease, self._starts = lease, starts
        self._is_sent = False

    def may_reach(self, address: str) -> bool:
        """Return whether the lease may reach an address, and note why there is no connection if not."""
        if self._networks is None or is_allowed(address, block_of(self._lease.reach), self._networks):
            return True
        self.refused = f"{address} is not a public address"
        return False

    def begin(self, address: str) -> None:
        """Record that the request is sent to an address, by a connection that may be another job's.

        Raises FetchError if the lease may not reach it, LeaseLost or ReleaseRequested if it is too late, and StartAgain
        if it was sent before, on a connection that turned out to be closed.
        """
        if not self.may_reach(address):
            raise FetchError(Outcome.OUT_OF_SCOPE, self.refused)
        self.refused = ""  # another address of the same name
        lease = self._lease
        if self._is_sent:
            raise StartAgain
        self._starts.check(lease)
        self._is_sent = True
        if block_of(lease.reach) == OWN_BLOCK:
            own = own_block(address) if self._networks is not None else PUBLIC_BLOCK
            lease.settle_reach(with_block(lease.reach, own))
        lease.started_at = time.monotonic()
        logger.debug("start %.6f %s", lease.started_at, self.url)
        if lease.report:
            self._starts.report(lease)

    def may_be_sent_again(self) -> None:
        """Let the request be sent once more, under a permit of its own."""
        self._is_sent = False

    def answered(self) -> None:
        """Record the latency of the response."""
        assert self._lease.started_at is not None
        self._lease.latency = time.monotonic() - self._lease.started_at


def seconds_of(wanted: object) -> float:
    """Return the ``download_timeout`` of a request's meta. Raises FetchError for what is not a number above 0."""
    with suppress(TypeError, ValueError, OverflowError):
        if 0 < (seconds := float(cast("float", wanted))) <= MAX_TIMEOUT_S:
            return seconds
    raise FetchError(Outcome.INTERNAL_ERROR, f"download_timeout={wanted!r} is not a number of seconds above 0")
