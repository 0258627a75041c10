"""Collect items that are sent one by one into groups."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")
Answer = TypeVar("Answer")

LARGE_GROUP, LARGE_GROUP_WINDOWS = 8, 4
UNSENDABLE = (TypeError, ValueError, OverflowError)
"""What an item raises that cannot be put into bytes."""


class Batcher(Generic[Item, Answer]):
    """Collects items for a few milliseconds and sends them together.

    One awaited call per item would exhaust the connection pool and cost twice the CPU. While groups are large, it
    collects for longer, which saves calls; with few items it would only make them wait. ``weigh`` bounds a group: it
    ends before the weights of its items exceed ``limit``. An item that cannot be sent fails alone.
    """

    def __init__(
        self,
        send: Callable[[list[Item]], Awaitable[Sequence[Answer]]],
        *,
        window: float = 0.005,
        limit: int = 1024,
        weigh: Callable[[Item], int] = lambda item: 1,
    ) -> None:
        self._send, self._window, self._limit, self._weigh = send, window, limit, weigh
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        """Send an item with others, and return its answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def close(self) -> None:
        """Wait until all items have been sent."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        patience = 1
        try:
            while self._waiting:
                await asyncio.sleep(self._window * patience)
                group = self._group()
                patience = LARGE_GROUP_WINDOWS if len(group) >= LARGE_GROUP and not self._waiting else 1
                await self._flush(group)
        finally:
            self._task = None

    def _group(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        group: list[tuple[Item, asyncio.Future[Answer]]] = []
        weight = 0
        while self._waiting:
            weight += self._weigh(self._waiting[0][0])
            if group and weight > self._limit:
                break
            group.append(self._waiting.popleft())
        return group

    async def _flush(self, group: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._send([item for item, _ in group])
        except Exception as error:
            if isinstance(error, UNSENDABLE) and len(group) > 1:
                for one in group:
                    await self._flush([one])
                return
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)
