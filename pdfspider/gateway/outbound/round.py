"""One round of sending to several destinations, some of which may be closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pdfspider.gateway.base import RefusedError, TransportError
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.gateway.outbound.destinations import Destination


class Round:
    """A round, and the destinations that are left after it.

    ``permitted`` is a closed destination that may be tried once.
    """

    def __init__(self, permitted: Destination | None) -> None:
        self._permitted = permitted
        self.closed: list[Destination] = []
        self.refused: RefusedError | None = None
        """The last refusal of a single result."""

    def may_try(self, destination: Destination) -> bool:
        """Return whether something may be sent there now; otherwise the destination is left."""
        if not destination.is_closed or destination is self._permitted:
            return True
        if destination not in self.closed:
            self.closed.append(destination)
        return False

    async def send(self, destination: Destination, attempt: Callable[[], Awaitable[None]]) -> bool:
        """Send if that may be tried now, and return whether it is done."""
        if not self.may_try(destination):
            return False
        permitted = destination is self._permitted
        if permitted:
            self._permitted = None
        try:
            await destination.send(attempt, permitted=permitted)
        except RefusedError as error:
            self.refused = error
            return False
        except TransportError:
            if destination not in self.closed:
                self.closed.append(destination)
            return False
        return True

    async def turn(self) -> Destination:
        """Wait for the first closed destination that may be tried, and return it."""
        waiting = {asyncio.create_task(destination.turn()): destination for destination in self.closed}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(waiting)
        return waiting[done.pop()]
