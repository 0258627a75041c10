"""Offsets up to which the partitions of a topic may be committed."""

from __future__ import annotations

import threading
from collections import defaultdict


class Positions:
    """The messages that were taken from each partition, and the offsets up to which all are settled.

    The event loop and the consumer's thread use it.
    """

    def __init__(self) -> None:
        self._taken: dict[int, dict[int, bool]] = defaultdict(dict)
        self._failed: dict[int, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of messages that are not committed."""
        with self._lock:
            return sum(map(len, self._taken.values()))

    def take(self, partition: int, offset: int) -> None:
        """Note a message that was taken."""
        with self._lock:
            self._taken[partition][offset] = False

    def holds(self, partition: int, offset: int) -> bool:
        """Return whether a message was taken and is not committed."""
        with self._lock:
            return offset in self._taken.get(partition, ())

    def settle(self, partition: int, offset: int) -> None:
        """Note that a message is settled."""
        with self._lock:
            if offset in self._taken.get(partition, ()):
                self._taken[partition][offset] = True

    def advance(self) -> dict[int, int]:
        """Return the offsets to commit, of the partitions where they have advanced."""
        with self._lock:
            ahead = {partition: _settled(taken) for partition, taken in self._taken.items()}
            failed, self._failed = self._failed, {}
        return failed | {partition: offset + 1 for partition, offset in ahead.items() if offset is not None}

    def retry(self, partition: int, offset: int) -> None:
        """Note that this offset could not be committed."""
        with self._lock:
            if partition in self._taken:
                self._failed[partition] = max(offset, self._failed.get(partition, 0))

    def forget(self, partition: int) -> None:
        """Forget a partition that belongs to another gateway now."""
        with self._lock:
            self._taken.pop(partition, None)
            self._failed.pop(partition, None)


def _settled(taken: dict[int, bool]) -> int | None:
    """Remove the settled messages before the first unsettled one, and return the last of them."""
    last = None
    while taken and taken[first := next(iter(taken))]:
        del taken[first]
        last = first
    return last
