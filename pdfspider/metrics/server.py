"""A small HTTP server for metrics and probes, at ``METRICS_URL``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiohttp import web
from redis.exceptions import RedisError

from pdfspider.exceptions import ConfigurationError
from pdfspider.web.listener import Listener, ServerLimits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.metrics.exposition import Exposition

    Metrics = Callable[[str], Awaitable[Exposition]]
    """Returns the metrics in the format that an Accept header asks for."""
    Faults = Callable[[], Awaitable[list[str]]]
    """Returns the reasons why this process is not ready; none if it is."""

LIMITS = ServerLimits(connections=64, per_address=0, timeout=30)
"""A worker's files are for its crawl."""


class Probes:
    """The request handlers of ``/metrics``, ``/healthz`` and ``/readyz``, for any web application."""

    def __init__(self, metrics: Metrics, faults: Faults) -> None:
        self._metrics, self._faults = metrics, faults

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/metrics", self._expose),
            web.get("/healthz", self._live),
            web.get("/readyz", self._ready),
        ]

    async def _expose(self, request: web.Request) -> web.Response:
        try:
            found = await self._metrics(request.headers.get("Accept", ""))
        except RedisError as error:
            return _answer(503, {"status": "unavailable", "reasons": [f"Redis: {error}"]})
        return web.Response(body=found.body, headers={"Content-Type": found.content_type})

    async def _live(self, _: web.Request) -> web.Response:
        return _answer(200, {"status": "ok"})

    async def _ready(self, _: web.Request) -> web.Response:
        reasons = await self._faults()
        if reasons:
            return _answer(503, {"status": "unavailable", "reasons": reasons})
        return _answer(200, {"status": "ok"})


def _answer(status: int, content: dict[str, object]) -> web.Response:
    return web.Response(status=status, text=json.dumps(content) + "\n", content_type="application/json")


class MetricsServer:
    """Serves probes at an address until it is closed."""

    def __init__(self, address: tuple[str, int], probes: Probes) -> None:
        self._address, self._probes = address, probes
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def open(self) -> None:
        """Listen.

        Raises ConfigurationError if the address cannot be used.
        """
        app = web.Application()
        app.add_routes(self._probes.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        host, port = self._address
        try:
            self._listener = Listener(self._runner.server, LIMITS)
            await self._listener.start(host, port)
        except OSError as error:
            await self.close()
            raise ConfigurationError(f"METRICS_URL: cannot listen on {host}:{port}: {error}") from error

    async def close(self) -> None:
        """Stop listening."""
        if self._listener:
            await self._listener.close()
        if self._runner:
            await self._runner.cleanup()
