"""Tasks that are ended, whatever they do about it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pdfspider.tasks import CANCEL_INTERVAL_S, end, raise_if_cancelled


async def test_an_end_that_is_cancelled_itself_ends_its_tasks_first() -> None:
    """As where a supervisor that is ended ends its work, which swallows a cancellation and takes its time."""
    ended = False

    async def work() -> None:
        nonlocal ended
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.shield(asyncio.create_task(asyncio.sleep(CANCEL_INTERVAL_S / 3)))
            ended = True

    async def supervise() -> None:
        task = asyncio.create_task(work())
        try:
            await asyncio.wait({task})
        finally:
            await end([task])

    outer = asyncio.create_task(supervise())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await end([outer])
    assert outer.cancelled()
    assert ended


async def test_a_cancellation_that_was_swallowed_is_raised_by_whoever_asks() -> None:
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        while True:
            raise_if_cancelled()
            rounds += 1
            with suppress(asyncio.CancelledError):  # as wait_for in Python 3.11
                await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert rounds == 1


async def test_a_timeout_that_has_passed_is_no_cancellation() -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.sleep(60)
    raise_if_cancelled()
