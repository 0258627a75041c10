"""The destinations of results, and when each may be tried again after a failure."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet, WeakValueDictionary

from pdfspider.condition_logger import ConditionLogger
from pdfspider.gateway.base import RefusedError, RejectedError, TooLargeError, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_PAUSE_S, MAX_PAUSE_S = 0.25, 10.0
"""Seconds between two attempts while a destination fails."""
MAX_IN_FLIGHT = 32
"""Messages that are sent to one destination at a time."""
LOG_INTERVAL_S = 60.0
"""Seconds between two log messages that a transport's destinations fail."""


class DestinationTrouble:
    """Logs when the first destination of a transport has failed, and when all of them work again."""

    def __init__(self, what: str, transport: str) -> None:
        self._failing: WeakSet[Destination] = WeakSet()
        self._condition = ConditionLogger(
            f"{what} cannot be published by {transport}: they wait",
            f"{transport} takes {what.lower()} again",
            every=LOG_INTERVAL_S,
        )

    def begin(self, destination: Destination, error: TransportError) -> None:
        """Note that a destination has failed."""
        self._failing.add(destination)
        self._condition.begin(f"{destination.name}: {error}" if destination.name else error)

    def end(self, destination: Destination) -> None:
        """Note that a destination works."""
        self._failing.discard(destination)
        if not self._failing:
            self._condition.end()


class Destination:
    """A destination: open while it works, closed from a failure until an attempt succeeds.

    Create it in the event loop.
    """

    def __init__(self, name: str, trouble: DestinationTrouble) -> None:
        self.name, self._trouble = name, trouble
        self._pause = self._retry_at = 0.0
        self._opened = asyncio.Event()
        self._turn = asyncio.Lock()
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)

    @property
    def is_closed(self) -> bool:
        """Return whether the last attempt failed."""
        return self._pause > 0

    async def send(self, attempt: Callable[[], Awaitable[None]], *, permitted: bool) -> None:
        """Make an attempt; if the destination is closed, wait for a ``turn`` first unless ``permitted``.

        Raises TransportError. The destination is then closed, unless it refused only this result.
        """
        async with self._slots:
            if self.is_closed and not permitted:
                raise TransportError("the destination failed meanwhile")
            try:
                await attempt()
            except (RefusedError, RejectedError, TooLargeError):
                self._open()
                raise
            except TransportError as error:
                self._close(error)
                raise
            self._open()

    async def turn(self) -> None:
        """Wait until the destination is open, or until this caller alone may try it."""
        async with self._turn:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._retry_at):
                    if self.is_closed:
                        await self._opened.wait()
            if self.is_closed:
                self._pause = min(2 * self._pause, MAX_PAUSE_S)
                self._retry_at = asyncio.get_running_loop().time() + self._pause

    def _open(self) -> None:
        self._pause = 0.0
        self._opened.set()
        self._trouble.end(self)

    def _close(self, error: TransportError) -> None:
        self._trouble.begin(self, error)
        if not self.is_closed:
            self._pause = FIRST_PAUSE_S
            self._retry_at = asyncio.get_running_loop().time() + FIRST_PAUSE_S
            self._opened.clear()


class Destinations:
    """The destinations of one transport that are in use; the empty name is that of the transport."""

    def __init__(self, what: str, transport: str) -> None:
        self._trouble = DestinationTrouble(what, transport)
        self._known: WeakValueDictionary[str, Destination] = WeakValueDictionary()

    def __getitem__(self, name: str) -> Destination:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = Destination(name, self._trouble)
        return found
