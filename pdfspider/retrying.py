"""Repeat what has failed for a reason that may pass, with pauses that grow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from pdfspider.tasks import raise_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")


def pauses(first: float, longest: float) -> Iterator[float]:
    """Yield the seconds to wait after each failure: twice as long as the time before, up to the longest."""
    pause = first
    while True:
        yield pause
        pause = min(2 * pause, longest)


async def retry(
    call: Callable[[], Awaitable[T]],
    waits: Iterator[float],
    *,
    on: type[Exception] | tuple[type[Exception], ...],
    goes_on: Callable[[Any, float], bool],
) -> T:
    """Return what a call returns, which is repeated after errors of the types ``on``.

    ``goes_on`` is asked after each of them, with the error and the pause that is to follow. Raises the error if it
    says no.
    """
    for pause in waits:
        raise_if_cancelled()
        try:
            return await call()
        except on as error:
            if not goes_on(error, pause):
                raise
        await asyncio.sleep(pause)
    raise AssertionError("pauses have no end")


def until(seconds: float) -> Callable[[Any, float], bool]:
    """Return a ``goes_on`` that says no if the next try would come after so many seconds from now."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    return lambda _, pause: loop.time() + pause <= end
