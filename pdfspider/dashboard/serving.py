"""The life of a dashboard."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from aiohttp import web
from redis.exceptions import RedisError

from pdfspider.dashboard.access import AccessControl
from pdfspider.dashboard.application import make_application
from pdfspider.dashboard.state import Dashboard
from pdfspider.documents.copies import DirectoryCopies
from pdfspider.exceptions import AddressInUse, ConfigurationError
from pdfspider.frontier.reports.dashboards import TTL_S, announce, withdraw
from pdfspider.monitoring.reading import Monitor
from pdfspider.notifications.notifier import Notifier
from pdfspider.records import Database
from pdfspider.records.listings import Listings
from pdfspider.tasks import end
from pdfspider.web.listener import Listener, ServerLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from pdfspider.config import Config
    from pdfspider.dashboard_config import DashboardConfig
    from pdfspider.documents.copies import Copies
    from pdfspider.frontier.frontier import Frontier

logger = logging.getLogger(__name__)

LIMITS = ServerLimits(connections=256, per_address=0, timeout=30)
"""A browser has a few connections, and as many pages are followed as LivePages allows."""


async def serve(config: Config, frontier: Frontier, copies: Copies | None, stopped: asyncio.Event) -> None:
    """Serve the dashboard until SIGTERM, SIGINT or ``stopped``.

    Raises ConfigurationError.
    """
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopped.set)
    records = await Database.open(config.database_url)
    listings = Listings(config.database_url)
    if copies is None and config.store_directory is not None:
        copies = DirectoryCopies(config.store_directory)
    try:
        await frontier.check_identity("database", await records.database_id(), f"the database {config.shown_database}")
        parts = Dashboard(
            config=config,
            frontier=frontier,
            records=records,
            listings=listings,
            monitor=Monitor(frontier),
            copies=copies,
        )
        async with _notifying(config, frontier):
            await _listen(config.dashboard, frontier.redis, parts, stopped)
    finally:
        listings.close()
        await records.close()


@asynccontextmanager
async def _notifying(config: Config, frontier: Frontier) -> AsyncIterator[None]:
    """Send notifications, if there is anybody to tell; nobody else may be left who does."""
    if not config.notifications.urls:
        yield
        return
    notifier = Notifier(config.notifications, frontier, config.concurrency)
    await notifier.open()
    try:
        yield
    finally:
        await notifier.close()


async def _listen(config: DashboardConfig, redis: Redis, parts: Dashboard, stopped: asyncio.Event) -> None:
    tls = _tls(config)
    app = make_application(parts, AccessControl(config.token, secure=bool(config.cert) or config.tls_terminated))
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    announcing, listener = None, Listener(runner.server, LIMITS, tls)
    try:
        await _start(listener, config)
        announcing = asyncio.create_task(_announce(redis, config.url))
        logger.info("The dashboard is at %s", config.url)
        await stopped.wait()
    finally:
        if announcing:
            await end([announcing])
            with suppress(RedisError):
                await withdraw(redis, config.url)
        await listener.close()
        await runner.cleanup()


async def _start(listener: Listener, config: DashboardConfig) -> None:
    try:
        await listener.start(config.host, config.port)
    except OSError as error:
        taken = AddressInUse if error.errno == errno.EADDRINUSE else ConfigurationError
        raise taken(f"cannot listen on DASHBOARD_URL {config.url}: {error}") from error


def _tls(config: DashboardConfig) -> ssl.SSLContext | None:
    if not config.cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.cert, config.key or None)
    except OSError as error:
        raise ConfigurationError(f"https:// in DASHBOARD_URL needs ?cert=FILE&key=FILE: {error}") from error
    return context


async def _announce(redis: Redis, url: str) -> None:
    """Tell the fleet where the dashboard is, until cancelled."""
    while True:
        with suppress(RedisError):
            await announce(redis, url)
        await asyncio.sleep(TTL_S / 3)
