"""Responses of server-sent events, and their end when the server stops."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STREAM_HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
"""Headers of a stream; the second one makes nginx pass each event on at once."""
KEEP_ALIVE = b": nothing new\n\n"
"""A comment, which a quiet stream gets now and then so that nobody cuts it."""


class OpenStreams:
    """The streams of a server that are open."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    @asynccontextmanager
    async def open(self, request: web.Request) -> AsyncIterator[web.StreamResponse]:
        """Begin the response to a request, as the task that handles it; the block writes events to it."""
        response = web.StreamResponse(headers=STREAM_HEADERS)
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield response
        finally:
            self._tasks.discard(task)

    def close(self) -> None:
        """End all streams."""
        for task in self._tasks:
            task.cancel()
