"""Calls that block, in threads that do not keep the process from ending."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Call: TypeAlias = "tuple[Future[Any], Callable[[], Any]] | None"


class BlockingCalls:
    """Runs calls in at most ``most`` threads; with one thread, in their order.

    Python waits without a bound for the threads of ``asyncio.to_thread`` and of a ThreadPoolExecutor before a process
    ends, and all users of ``asyncio.to_thread`` share a few of them. These threads are not waited for, and belong to
    one user.
    """

    def __init__(self, name: str, most: int = 1) -> None:
        self._name, self._most = name, most
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self._idle = Semaphore(0)
        self._threads = 0

    async def __call__(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what the function returns, or raise what it raises.

        If this is cancelled, the function is not called, unless that has begun.
        """
        future: Future[T] = Future()
        self._calls.put((future, partial(function, *arguments)))
        if not self._idle.acquire(blocking=False) and self._threads < self._most:
            self._threads += 1
            Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()
        return await asyncio.wrap_future(future)

    def end(self) -> None:
        """End each thread after its call, without waiting for it."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _work(self) -> None:
        while call := self._calls.get():
            _run(*call)
            del call  # a waiting thread keeps no result
            self._idle.release()


def _run(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
