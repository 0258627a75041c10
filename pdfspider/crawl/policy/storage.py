"""The state of the document store: while it takes no documents, nothing is leased and none is received.

A disk is probed until it takes something again. Other stores are tried with the document that they refused first; all
others go back to the frontier.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pdfspider.condition_logger import ConditionLogger
from pdfspider.crawl.fetch.errors import FetchError, ReleaseRequested
from pdfspider.documents.disk import NO_ROOM, FreeSpace, capacity, probe
from pdfspider.documents.errors import StoreError, StoreUnavailable
from pdfspider.items import Outcome
from pdfspider.retrying import pauses
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.config import Config
    from pdfspider.crawl.fetch.in_flight import InFlight
    from pdfspider.documents.staging import Staging
    from pdfspider.exceptions import PdfSpiderError
    from pdfspider.frontier.leases import Lease

FIRST_PAUSE_S, MAX_PAUSE_S = 0.1, 30.0
"""Seconds between two tries; each pause is twice as long as the one before."""
MAX_REFUSED_REMEMBERED = 1000
TRIES_PER_DOCUMENT = 10
"""Uploads of one document that fail because the store is away, before another document is tried in its place."""


class Storage:
    """The state of one worker's document store."""

    def __init__(self, config: Config, staging: Staging, in_flight: InFlight, wake: asyncio.Event) -> None:
        self._config, self._staging, self._in_flight, self._wake = config, staging, in_flight, wake
        self._outage = ConditionLogger(
            "The document store takes no documents: waiting for it", "The document store takes documents again"
        )
        self._pauses = pauses(FIRST_PAUSE_S, MAX_PAUSE_S)
        self._watching: asyncio.Task[None] | None = None
        self._uploading: Lease | None = None
        self.on_trial = False
        """True if one URL may be leased, to test whether the store accepts its document."""
        self.capacity = 0
        """Bytes that the file system of staging holds in all; 0: not known."""
        self._successes = 0
        self._refused: dict[str, int] = {}

    @property
    def is_away(self) -> bool:
        """Return whether the store is known to take nothing."""
        return self._outage.lasts

    @property
    def trouble(self) -> str:
        """Why the store takes no documents, "" if it does."""
        return self._outage.text

    @property
    def is_closed(self) -> bool:
        """Return whether no fetch may begin."""
        return self._outage.lasts and not self.on_trial

    def check_size(self, size: int) -> None:
        """Raise FetchError for a document that even an empty disk could not hold."""
        if self.capacity and size > self.capacity:
            raise FetchError(Outcome.TOO_LARGE, f"{size} bytes; the disk of the store holds {self.capacity} in all")

    async def close(self) -> None:
        """Stop probing."""
        if self._watching:
            await end([self._watching])

    # Disks

    async def judge(self, error: StoreError, size: int, lease: Lease) -> PdfSpiderError:
        """Return the error for a document of ``size`` bytes that the disk did not take.

        It is a ReleaseRequested unless the document is the cause.
        """
        directory = self._staging.directory
        self.capacity = await asyncio.to_thread(capacity, directory)
        room = await asyncio.to_thread(probe, directory, size)
        if room is FreeSpace.NONE:
            self._begin(error)
            return ReleaseRequested(str(error))
        if error.errno not in NO_ROOM:
            return error
        if room is FreeSpace.ENOUGH or self._staging.has_others(lease):
            return ReleaseRequested(f"{error}, for now", delay=self._config.retry_delay)
        if self.capacity and size > self.capacity:
            return FetchError(Outcome.TOO_LARGE, f"the disk of the store holds {self.capacity} bytes in all")
        return FetchError(Outcome.STORE_ERROR, f"{error} for a document of {size} bytes or more")

    def _begin(self, error: Exception) -> None:
        self._outage.begin(error)
        self.on_trial = False
        self._wake.set()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        """Probe the disk until it takes something."""
        for pause in self._pauses:
            if await asyncio.to_thread(probe, self._staging.directory) is not FreeSpace.NONE:
                break
            await asyncio.sleep(pause)
        self._watching = None
        if self._uploading is None:
            self.note_success()

    # Other stores

    async def upload(self, put: Callable[[], Awaitable[None]], lease: Lease) -> None:
        """Upload a document by ``put``.

        Raises StoreError if the document is the cause of a failure, else ReleaseRequested.
        """
        try:
            await put()
        except StoreUnavailable as error:
            self._outage.begin(error)
            self._wake.set()
            if self._uploading is not None:
                raise ReleaseRequested(str(error)) from error
            with self._in_flight.track(lease):
                await self._try_again(put, lease, error)
        self.note_success()

    async def _try_again(self, put: Callable[[], Awaitable[None]], lease: Lease, error: StoreUnavailable) -> None:
        self._uploading, self.on_trial = lease, False
        try:
            for _ in range(TRIES_PER_DOCUMENT):
                await asyncio.sleep(next(self._pauses))
                try:
                    return await put()
                except StoreUnavailable as again:
                    error = again
                except StoreError:  # an answer
                    self.note_success()
                    raise
            raise self._refusal(error)
        finally:
            self._uploading, self.on_trial = None, True

    def _refusal(self, error: StoreUnavailable) -> PdfSpiderError:
        """Return the error for a document after all its tries.

        The document is the cause if the store took others since they began to fail.
        """
        path, successes = str(error.path), self._successes
        if self._refused.setdefault(path, successes) != successes or not self._outage.lasts:
            del self._refused[path]
            return StoreError(error.path, error.reason)
        if len(self._refused) > MAX_REFUSED_REMEMBERED:
            self._refused.clear()
        return ReleaseRequested(str(error), delay=self._config.retry_delay)

    def note_success(self) -> None:
        """End the outage: the store took a document, or the one URL on trial had none."""
        self._successes += 1
        if self._outage.lasts:
            self._outage.end()
            self._pauses, self.on_trial = pauses(FIRST_PAUSE_S, MAX_PAUSE_S), False
            self._wake.set()
