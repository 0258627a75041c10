"""Server-sent events of the HTTP transport."""

from __future__ import annotations

import json
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from aiohttp import web
from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput, JobNotFound, RecordsError
from pdfspider.gateway.queries.watching import Position, watch, with_pauses
from pdfspider.web.open_streams import KEEP_ALIVE, OpenStreams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.gateway.service import GatewayService


class EventStreams:
    """The open event streams; ``result`` describes a job."""

    def __init__(self, service: GatewayService, result: Callable[[str], Awaitable[dict[str, Any]]]) -> None:
        self._service, self._result = service, result
        self._streams = OpenStreams()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Send ``status`` at each change, ``document`` for each document if asked for, and ``result`` last.

        A client that has the result and connects again, as EventSource does in browsers, gets a 204.
        """
        job, documents = request.match_info["job"], request.query.get("documents", "false")
        if documents not in ("true", "false"):
            raise InvalidInput("documents must be true or false")
        run = (await self._service.status(job))["run"]  # raises at once if there is no such job
        after = Position.parse(request.headers.get("Last-Event-ID", ""))
        if after and after.ended and after.run == run:
            return web.Response(status=204)
        async with self._streams.open(request) as response:
            # The client or the job is gone, or the client connects again and continues from there.
            with suppress(ConnectionError, JobNotFound, RedisError, RecordsError):
                await self._write(response, job, after, documents=documents == "true")
        return response

    def close(self) -> None:
        """End all streams."""
        self._streams.close()

    async def _write(self, response: web.StreamResponse, job: str, after: Position | None, *, documents: bool) -> None:
        events = watch(self._service, job, documents=documents, after=after)
        async with aclosing(with_pauses(events, self._service.config.gateway.keep_alive)) as coming:
            async for told in coming:
                await response.write(_event(*told) if told else KEEP_ALIVE)
        result = await self._result(job)
        await response.write(_event("result", result, Position(result["run"], ended=True)))


def _event(name: str, data: dict[str, Any], position: Position) -> bytes:
    return f"id: {position}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False, default=str)}\n\n".encode()
