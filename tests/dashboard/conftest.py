"""A dashboard in the test's own event loop, on a Redis and a database of its own."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, web
from scrapy.settings import Settings

from bench.processes import free_port
from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.dashboard.access import AccessControl
from pdfspider.dashboard.application import make_application
from pdfspider.dashboard.state import Dashboard
from pdfspider.documents.copies import DirectoryCopies
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.items import Capture, Outcome
from pdfspider.monitoring.reading import Monitor
from pdfspider.records import Database
from pdfspider.records.listings import Listings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Serve = Callable[..., AbstractAsyncContextManager["Served"]]

_numbers = itertools.count(1)


class Served(NamedTuple):
    """A dashboard that listens, and a client of it."""

    url: str
    parts: Dashboard
    client: ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.client.get(path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        """The status, and where the answer leads or what it says."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self.client.post(path, data=urlencode(fields), headers=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def record(self, job: str, run: int, url: str, outcome: Outcome, **more: Any) -> None:
        number = next(_numbers)
        known = {"job": job, "run": run, "fingerprint": number, "token": f"{number:04}", "finished": 1.7e9 + number}
        await self.parts.records.write(Capture(url=url, outcome=outcome, **{**known, **more}))


@pytest.fixture
async def serve(redis_url: str, tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def start(**given: Any) -> AsyncIterator[Served]:
        known = Settings()
        known.setmodule(defaults)
        known.update({"DATA_DIR": tmp_path, "REDIS_URL": redis_url, **given})
        config, redis = Config.from_settings(known), connect(redis_url)
        records, listings = await Database.open(config.database_url), Listings(config.database_url)
        copies = DirectoryCopies(config.store_directory) if config.store_directory else None
        frontier = Frontier(redis)
        monitor = Monitor(frontier)
        parts = Dashboard(
            config=config, frontier=frontier, records=records, listings=listings, monitor=monitor, copies=copies
        )
        runner = web.AppRunner(make_application(parts, AccessControl(config.dashboard.token)), access_log=None)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = f"http://127.0.0.1:{port}"
        try:
            async with ClientSession(url) as client:
                yield Served(url, parts, client)
        finally:
            await runner.cleanup()
            listings.close()
            await records.close()
            await redis.aclose()

    return start
