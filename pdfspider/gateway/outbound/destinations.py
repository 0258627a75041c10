"""The destinations of results, and when each may be tried again after a failure."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from pdfspider.condition_logger import ConditionLogger
from pdfspider.gateway.base import RefusedError, RejectedError, TooLargeError, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
"""Seconds between two attempts while a destination fails."""
AT_ONCE = 32
"""Messages that are sent to one destination at a time."""


class Destination:
    """A destination: open while it works, closed from a failure until an attempt succeeds.

    Create it in the event loop.
    """

    def __init__(self, trouble: ConditionLogger) -> None:
        self._trouble = trouble
        self._pause = self._retry_at = 0.0
        self._opened = asyncio.Event()
        self._turn = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)

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
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
                self._retry_at = asyncio.get_running_loop().time() + self._pause

    def _open(self) -> None:
        self._pause = 0.0
        self._opened.set()
        self._trouble.end()

    def _close(self, error: TransportError) -> None:
        self._trouble.begin(error)
        if not self.is_closed:
            self._pause = FIRST_PAUSE
            self._retry_at = asyncio.get_running_loop().time() + FIRST_PAUSE
            self._opened.clear()


class Destinations:
    """The destinations of one transport that are in use; the empty name is that of the transport."""

    def __init__(self, what: str, transport: str) -> None:
        self._what, self._transport = what, transport
        self._known: WeakValueDictionary[str, Destination] = WeakValueDictionary()

    def __getitem__(self, name: str) -> Destination:
        found = self._known.get(name)
        if found is None:
            where = f"{self._transport} ({name})" if name else self._transport
            trouble = ConditionLogger(
                f"{self._what} cannot be published by {where}: they wait", f"{where} takes {self._what.lower()} again"
            )
            found = self._known[name] = Destination(trouble)
        return found
