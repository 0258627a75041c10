"""Transports in the test's own event loop, on a Redis where no worker runs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy.settings import Settings

from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.gateway.outbound.results import ResultMaker
from pdfspider.gateway.service import GatewayService
from pdfspider.records import Database
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pdfspider.gateway.base import Transport

    T = TypeVar("T", bound=Transport)


@asynccontextmanager
async def service_on(redis_url: str, directory: Path, **settings: Any) -> AsyncIterator[GatewayService]:
    known = Settings()
    known.setmodule(defaults)
    known.update({"DATA_DIR": directory, "REDIS_URL": redis_url, "GATEWAY_NETWORKS": "127.0.0.0/8", **settings})
    config, redis = Config.from_settings(known), connect(redis_url)
    await redis.config_set("appendonly", "no")  # else each answer waits for the disk
    results, records = ResultMaker(config), await Database.open(config.database_url)
    try:
        yield GatewayService(config, Frontier(redis), results, records)
    finally:
        await results.close()
        await records.close()
        await redis.aclose()


@asynccontextmanager
async def listening(transport: T) -> AsyncIterator[T]:
    await transport.listen()
    serving = asyncio.create_task(transport.serve())
    try:
        yield transport
    finally:
        await end([serving])
        await transport.service.close(5)
        await transport.close()
