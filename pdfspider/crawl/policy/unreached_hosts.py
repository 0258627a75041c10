"""The bound on the part of a worker that hosts may hold which have not answered yet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdfspider.frontier.leases import Lease

MAX_CONCURRENT_LOOKUPS = 16
"""Names, fewer than the 20 that libcurl resolves at a time: some threads are left for names that were known before."""
SLOW_AFTER_S = 1.0
"""Seconds after which a host without an answer has kept others waiting."""
SHRINK_STEP = 4


class UnreachedHosts:
    """Bounds the leases at hosts that have not answered yet, because a name can take a resolver many seconds.

    At first they are half of the requests in flight, and no more than ``MAX_CONCURRENT_LOOKUPS``. The bound grows by
    one with each such host that answers, to three quarters, and shrinks by ``SHRINK_STEP`` with each that is slow and
    does not answer.
    """

    def __init__(self, concurrency: int) -> None:
        self._least = max(min(concurrency // 2, MAX_CONCURRENT_LOOKUPS), 1)
        self._most = max(concurrency * 3 // 4, self._least)
        self._bound, self._held = self._least, 0

    @property
    def room(self) -> int:
        """The number of further leases at such hosts that the worker takes."""
        return max(self._bound - self._held, 0)

    def granted(self, leases: Iterable[Lease]) -> None:
        """Count the leases that were granted."""
        self._held += sum(lease.unreached for lease in leases)

    def ended(self, lease: Lease) -> None:
        """Count the end of a lease, and learn from it."""
        if not lease.unreached:
            return
        self._held -= 1
        if lease.latency is not None:
            self._bound = min(self._bound + 1, self._most)
        elif lease.begun and time.monotonic() > lease.starts_at + SLOW_AFTER_S:
            self._bound = max(self._bound - SHRINK_STEP, self._least)
