"""Calls that block, in threads of their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from pdfspider.blocking_calls import BlockingCalls
from tests.support import PATIENCE

STUCK = """
import asyncio, threading
from pdfspider.blocking_calls import BlockingCalls

async def main():
    calls = BlockingCalls("stuck")
    waiting = asyncio.create_task(calls(threading.Event().wait))
    await asyncio.sleep(0.1)
    waiting.cancel()
    calls.end()

asyncio.run(main())
"""


async def test_a_call_returns_or_raises_what_the_function_does() -> None:
    calls = BlockingCalls("test")
    assert await calls(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await calls(divmod, 7, 0)
    calls.end()


async def test_one_thread_keeps_the_order_and_several_are_bounded() -> None:
    one, several = BlockingCalls("one"), BlockingCalls("several", 3)
    done: list[int] = []
    await asyncio.gather(*(one(done.append, number) for number in range(20)))
    assert done == list(range(20))
    names = await asyncio.gather(*(several(lambda: threading.current_thread().name) for _ in range(50)))
    assert set(names) <= {f"several-{number}" for number in (1, 2, 3)}
    one.end()
    several.end()


async def test_a_cancelled_call_that_has_not_begun_is_not_made() -> None:
    calls, go, made = BlockingCalls("test"), threading.Event(), []
    first = asyncio.create_task(calls(go.wait))
    second = asyncio.create_task(calls(made.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second})
    go.set()
    await first
    assert await calls(len, made) == 0
    calls.end()


def test_a_call_that_never_returns_does_not_keep_the_process() -> None:
    assert subprocess.run([sys.executable, "-c", STUCK], timeout=PATIENCE, check=False).returncode == 0
