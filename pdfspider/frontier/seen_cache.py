"""What this worker knows the frontier to know already."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SeenCache:
    """URLs that were committed as links of a run, so that they need not be sent again.

    It only saves work: Redis decides. A frontier that restarted may have forgotten some of them, so everything is
    dropped when its epoch changes, and the commit of a page that was leased under an older epoch is refused. URLs are
    kept by their hash.
    """

    LIMIT = 200_000

    def __init__(self) -> None:
        self.epoch = -1
        self._runs: OrderedDict[int, set[int]] = OrderedDict()
        self._size = 0

    def at_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            self.clear()
            self.epoch = epoch

    def clear(self) -> None:
        self._runs.clear()
        self._size = 0

    def urls(self, run: int) -> set[int]:
        """Hashes of the URLs known of a run."""
        return self._runs.get(run, set())

    def add(self, run: int, urls: Iterable[str]) -> None:
        known = self._runs.setdefault(run, set())
        before = len(known)
        known.update(map(hash, urls))
        self._size += len(known) - before
        self._runs.move_to_end(run)
        while self._size > self.LIMIT:
            _, oldest = self._runs.popitem(last=False)
            self._size -= len(oldest)
