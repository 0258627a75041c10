"""How far the partitions of a topic may be committed."""

from __future__ import annotations

import threading
from collections import defaultdict


class Positions:
    """What was taken from each partition, and up to where all of it is settled.

    Used by the event loop and by the consumer's thread.
    """

    def __init__(self) -> None:
        self._taken: dict[int, dict[int, bool]] = defaultdict(dict)
        self._failed: dict[int, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Messages that are not committed."""
        with self._lock:
            return sum(map(len, self._taken.values()))

    def take(self, partition: int, offset: int) -> None:
        with self._lock:
            self._taken[partition][offset] = False

    def holds(self, partition: int, offset: int) -> bool:
        with self._lock:
            return offset in self._taken.get(partition, ())

    def settle(self, partition: int, offset: int) -> None:
        with self._lock:
            if offset in self._taken.get(partition, ()):
                self._taken[partition][offset] = True

    def advance(self) -> dict[int, int]:
        """The offsets to go on from, of the partitions where something before them was settled since."""
        with self._lock:
            ahead = {partition: _settled(taken) for partition, taken in self._taken.items()}
            failed, self._failed = self._failed, {}
        return failed | {partition: offset + 1 for partition, offset in ahead.items() if offset is not None}

    def retry(self, partition: int, offset: int) -> None:
        """It could not be committed that what comes before this offset is settled."""
        with self._lock:
            if partition in self._taken:
                self._failed[partition] = max(offset, self._failed.get(partition, 0))

    def forget(self, partition: int) -> None:
        """It is another gateway's now."""
        with self._lock:
            self._taken.pop(partition, None)
            self._failed.pop(partition, None)


def _settled(taken: dict[int, bool]) -> int | None:
    """Removes what is settled in front of what is not; the last one of that."""
    last = None
    while taken and taken[first := next(iter(taken))]:
        del taken[first]
        last = first
    return last
