"""Pages that follow what happens: their live part is sent again by server-sent events whenever it has changed."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web
from redis.exceptions import RedisError

from pdfspider.dashboard.pages import render_live
from pdfspider.exceptions import PdfSpiderError
from pdfspider.web.open_streams import KEEP_ALIVE, OpenStreams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.dashboard.pages import Page

    View = Callable[[web.Request], Awaitable[Page]]

REFRESH_INTERVAL_S = 1.0
REST_PER_QUERY = 50
"""A look is followed by a rest of at least so many times its duration."""
MAX_REST_S = 30.0
KEEP_ALIVE_INTERVAL_S = 15.0
"""Seconds after which a quiet stream gets a comment, so that nobody cuts it."""
MAX_STREAMS = 64
"""Streams that are open at once."""


def wants_events(request: web.Request) -> bool:
    """Return whether a request is for a page's events."""
    return "text/event-stream" in request.headers.get("Accept", "")


class LivePages:
    """The open streams of all pages."""

    def __init__(self) -> None:
        self._streams = OpenStreams()

    async def serve(self, request: web.Request, view: View) -> web.StreamResponse:
        """Send the live part of a page now and whenever it has changed, until the client goes."""
        if len(self._streams) >= MAX_STREAMS:
            raise web.HTTPServiceUnavailable(reason=f"{MAX_STREAMS} pages are followed already")
        await view(request)  # raises at once if there is no such page
        async with self._streams.open(request) as response:
            with suppress(ConnectionError):
                await _follow(request, response, view)
        return response

    def close(self) -> None:
        """End all streams."""
        self._streams.close()


async def _follow(request: web.Request, response: web.StreamResponse, view: View) -> None:
    sent, sent_at = "", time.monotonic()
    while not (request.transport is None or request.transport.is_closing()):
        began = time.monotonic()
        with suppress(RedisError, PdfSpiderError):  # the page says so when it is loaded again
            page = await view(request)
            html = render_live(page)
            if html != sent:
                sent, sent_at = html, time.monotonic()
                await response.write(f"event: page\ndata: {json.dumps(html)}\n\n".encode())
        if time.monotonic() - sent_at > KEEP_ALIVE_INTERVAL_S:
            sent_at = time.monotonic()
            await response.write(KEEP_ALIVE)
        await asyncio.sleep(min(max(REFRESH_INTERVAL_S, REST_PER_QUERY * (time.monotonic() - began)), MAX_REST_S))
