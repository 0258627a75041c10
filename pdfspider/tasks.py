"""End tasks, and wait until they have ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

PATIENCE = 0.15


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
            await asyncio.wait(left, timeout=PATIENCE)
        except asyncio.CancelledError as error:
            cancelled = error
        left = {task for task in left if not task.done()}
    if cancelled:
        raise cancelled


async def end_with(*works: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends or this is cancelled; raise the exception of the one that ended."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in done:
        task.result()
