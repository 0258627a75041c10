"""End tasks, wait until they have ended, and tell their cancellation from other exceptions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

CANCEL_INTERVAL_S = 0.15
EXIT_EXCEPTIONS = (asyncio.CancelledError, SystemExit)
"""Exceptions that are no Exception, and that code of others raises all the same."""


def as_failure(error: BaseException) -> Exception:
    """Return the failure of code that raised one of ``EXIT_EXCEPTIONS``.

    Raise the exception again if this task is being cancelled.
    """
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
        raise error
    failure = RuntimeError(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    failure.__cause__ = error
    return failure


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks repeatedly until all have ended, also if the caller is cancelled meanwhile.

    In Python 3.11 ``wait_for``, which redis-py uses, may swallow a cancellation
    (github.com/python/cpython/issues/86296).
    """
    left = set(tasks)
    cancelled: asyncio.CancelledError | None = None
    while left:
        for task in left:
            task.cancel()
        try:
            await asyncio.wait(left, timeout=CANCEL_INTERVAL_S)
        except asyncio.CancelledError as error:
            cancelled = error
        left = {task for task in left if not task.done()}
    if cancelled:
        raise cancelled


def raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled and something has swallowed that.

    A loop whose calls may do so asks in each round; otherwise it ends only if a cancellation comes at another moment,
    which under load may never happen.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


async def end_with(*works: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends or this is cancelled; raise the exception of the one that ended."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in done:
        task.result()


async def poll(condition: Callable[[], bool], interval: float) -> None:
    """Wait until a condition holds that sets no event, such as a signal to stop."""
    while True:
        if condition():
            return
        await asyncio.sleep(interval)
