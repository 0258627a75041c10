"""Keep the parts of a gateway running, so that no failure of one ends another."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pdfspider.exceptions import PdfSpiderError
from pdfspider.retrying import pauses
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from pdfspider.gateway.health import Health


logger = logging.getLogger(__name__)

FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 5.0
EXPECTED_ERRORS = (PdfSpiderError, RedisError, OSError)


class Supervisor:
    """Runs ``work`` for ever, and starts it again after a pause whenever it ends or raises.

    ``whole`` says that its transport is down without it.
    """

    def __init__(
        self, what: str, work: Callable[[], Coroutine[Any, Any, None]], health: Health, *, whole: bool = True
    ) -> None:
        self._what, self._work, self._health, self._whole = what, work, health, whole
        self._told = ""

    async def run(self) -> None:
        """Run the work until cancelled."""
        waits = pauses(FIRST_PAUSE_S, MAX_PAUSE_S)
        while True:
            error = await self._failure()
            if self._health.state == "up":
                waits = pauses(FIRST_PAUSE_S, MAX_PAUSE_S)
            self._tell(error)
            await asyncio.sleep(next(waits))

    async def _failure(self) -> BaseException:
        """Return the error that ended the work.

        A library that loses a connection may cancel it as well.
        """
        task = asyncio.create_task(self._work())
        try:
            await asyncio.wait({task})
        finally:
            await end([task])
        if task.cancelled():
            return RuntimeError("a library cancelled it")
        return task.exception() or RuntimeError("it has ended")

    def _tell(self, error: BaseException) -> None:
        shown = f"{type(error).__name__}: {error}"
        if not isinstance(error, EXPECTED_ERRORS) and shown != self._told:
            self._told = shown
            logger.error("%s has failed and is started again", self._what, exc_info=error)
        tell = self._health.begin if self._whole else self._health.note
        tell(error if isinstance(error, PdfSpiderError) else shown)
