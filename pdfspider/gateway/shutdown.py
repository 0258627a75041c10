"""End a gateway in a bounded time, whatever hangs."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable

logger = logging.getLogger(__name__)

TASKS_TIMEOUT_S = 5.0
"""Seconds for the end of tasks, which are cancelled again and again."""
CLOSE_TIMEOUT_S = 10.0
"""Seconds for closing a connection in order."""
NACK_TIMEOUT_S = 2.0
"""Seconds for what other gateways are to take over."""
EXIT_TIMEOUT_S = 35.0
"""Seconds beyond ``FRONTIER_GRACE`` after which a process that has not ended exits: more than all steps take."""


def exit_after(seconds: float) -> None:
    """Exit with code 1 if this process still runs after so many seconds.

    A thread that needs neither the event loop nor Python's lock then writes on standard error what every thread is
    doing.
    """
    if sys.stderr:
        faulthandler.dump_traceback_later(seconds, exit=True)


def exit_at_once() -> NoReturn:
    """Exit with code 0, without the end of Python itself: everything is settled and closed.

    Python would wait for threads that are blocked, and for librdkafka, whose producers may not come to an end.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or None
            stream.flush()
    os._exit(0)


async def within(seconds: float, what: str, work: Awaitable[Any]) -> None:
    """Wait at most so many seconds for the end of some part; log its failure, or that it is left behind."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        logger.warning("%s did not end within %.0f s, and is left", what, seconds)
        task.cancel()
    elif not task.cancelled() and (error := task.exception()):
        logger.error("%s could not be closed", what, exc_info=error)


async def end_the_rest() -> None:
    """End all other tasks of the event loop, which would cancel each once and then wait without a bound."""
    await within(TASKS_TIMEOUT_S, "A task", end(asyncio.all_tasks() - {asyncio.current_task()}))
