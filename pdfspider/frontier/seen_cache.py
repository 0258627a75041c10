"""A cache of URLs that the frontier is known to have."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SeenCache:
    """A cache of the URLs that were committed as links of a run, so that they are not sent again.

    The cache only saves work: Redis decides. URLs are kept by their hash. A frontier that restarted may have lost some
    of them, so the cache is cleared when the epoch changes, and a page that was leased in an older epoch cannot be
    committed.
    """

    LIMIT = 200_000

    def __init__(self) -> None:
        self.epoch = -1
        self._runs: OrderedDict[int, set[int]] = OrderedDict()
        self._size = 0

    def at_epoch(self, epoch: int) -> None:
        """Clear the cache if the epoch has changed."""
        if epoch != self.epoch:
            self.clear()
            self.epoch = epoch

    def clear(self) -> None:
        """Forget all URLs."""
        self._runs.clear()
        self._size = 0

    def urls(self, run: int) -> set[int]:
        """Return the hashes of the known URLs of a run."""
        return self._runs.get(run, set())

    def add(self, run: int, urls: Iterable[str]) -> None:
        """Add URLs of a run, and drop the runs that were used least recently beyond the limit."""
        known = self._runs.setdefault(run, set())
        before = len(known)
        known.update(map(hash, urls))
        self._size += len(known) - before
        self._runs.move_to_end(run)
        while self._size > self.LIMIT:
            _, oldest = self._runs.popitem(last=False)
            self._size -= len(oldest)
