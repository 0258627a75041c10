"""Track the fetches in progress, so that they can be aborted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pdfspider.crawl.fetch.errors import ReleaseRequested

if TYPE_CHECKING:
    from pdfspider.frontier.leases import Lease


class InFlight:
    """The tasks that fetch, each with its lease; middlewares may fetch several times at once for a lease."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], Lease] = {}
        self._aborted: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def track(self, lease: Lease) -> Tracked:
        """Return the context of a fetch, in its own task. An abort comes out of it as ReleaseRequested."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = lease
        return Tracked(self, task)

    def end(self, task: asyncio.Task[object]) -> bool:
        """Note the end of a task's fetch, and return whether it was aborted."""
        del self._tasks[task]
        aborted = task in self._aborted
        self._aborted.discard(task)
        return aborted

    def abort_all(self) -> None:
        """Abort all fetches."""
        for task in self._tasks:
            if task not in self._aborted:
                self._aborted.add(task)
                task.cancel()


class Tracked:
    """The context of a fetch in progress."""

    __slots__ = ("_in_flight", "_task")

    def __init__(self, in_flight: InFlight, task: asyncio.Task[object]) -> None:
        self._in_flight, self._task = in_flight, task

    def __enter__(self) -> None:
        """Begin; the fetch is tracked already."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End. Raises ReleaseRequested where the fetch was aborted."""
        if self._in_flight.end(self._task) and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise ReleaseRequested("the fetch was aborted") from None
