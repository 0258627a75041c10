"""Track the fetches in progress, so that they can be aborted."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pdfspider.crawl.fetch.errors import ReleaseRequested

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdfspider.frontier.leases import Lease


class InFlight:
    """The tasks that fetch, each with its lease; middlewares may fetch several times at once for a lease."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], Lease] = {}
        self._aborted: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    @contextmanager
    def track(self, lease: Lease) -> Iterator[None]:
        """Around a fetch, in its own task. An abort comes out of it as ReleaseRequested."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = lease
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._aborted:
                raise
            task.uncancel()
            raise ReleaseRequested("the fetch was aborted") from None
        finally:
            del self._tasks[task]
            self._aborted.discard(task)

    def abort_all(self) -> None:
        """Abort all fetches."""
        for task in self._tasks:
            if task not in self._aborted:
                self._aborted.add(task)
                task.cancel()
