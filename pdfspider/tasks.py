"""The end of tasks that are to end before others may go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

PATIENCE = 0.15


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancels until all have ended: in Python 3.11 ``wait_for``, which redis-py sends with, may swallow a cancellation
    (github.com/python/cpython/issues/86296).
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=PATIENCE)


async def end_with(*works: Coroutine[Any, Any, None]) -> None:
    """Runs all until one ends, whose exception this raises, or this is cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in done:
        task.result()
