"""The fetches that are under way in this worker, so that they can be aborted."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pdfspider.crawl.errors import GiveBack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdfspider.frontier.leases import Lease


class Flights:
    """Leases by the task that fetches for them."""

    def __init__(self) -> None:
        self._tasks: dict[Lease, asyncio.Task[object]] = {}
        self._aborted: set[Lease] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    @contextmanager
    def flying(self, lease: Lease) -> Iterator[None]:
        """Around a fetch, in its own task. An abort comes out of it as GiveBack."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks[lease] = task
        try:
            yield
        except asyncio.CancelledError:
            if lease not in self._aborted:
                raise
            task.uncancel()
            raise GiveBack("the fetch was aborted") from None
        finally:
            del self._tasks[lease]
            self._aborted.discard(lease)

    def abort_all(self) -> None:
        for lease, task in self._tasks.items():
            if lease not in self._aborted:
                self._aborted.add(lease)
                task.cancel()
