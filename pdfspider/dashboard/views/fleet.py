"""Workers, masters, and the health of what they all need."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from redis.exceptions import RedisError

from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import RecordsError
from pdfspider.formatting import counted, said_size
from pdfspider.frontier.reports.transports import read_states
from pdfspider.frontier.results.undelivered import TRANSPORTS_KEY
from pdfspider.frontier.scripts import PREFIX
from pdfspider.monitoring.reasons import FULL_SHARE
from pdfspider.notifications.alert_watch import firing

if TYPE_CHECKING:
    from aiohttp import web

    from pdfspider.dashboard.state import Dashboard

MAX_WORKERS = 100
"""Workers that are shown with their current URLs."""
LEAST_FREE_SHARE = 0.05
"""The part of a disk below which its space is worth a warning."""


class HealthCheck(NamedTuple):
    """One part that everything needs: its name, whether it is well, and what there is to say."""

    name: str
    is_well: bool
    text: str


async def workers(request: web.Request) -> Page:
    """Show the workers."""
    reports, fleet = dashboard_of(request).monitor.reports, await dashboard_of(request).monitor.fleet()
    current = await reports.held([worker.name for worker in fleet.workers[:MAX_WORKERS]])
    values = {"workers": fleet.workers, "current": current, "listed": MAX_WORKERS}
    return Page("workers.html", "Workers", "/workers", values)


async def masters(request: web.Request) -> Page:
    """Show the transports of running gateways, and the pending results."""
    redis: Any = dashboard_of(request).frontier.redis
    states = await read_states(redis)
    known = {state.transport for state in states} | {name.decode() for name in await redis.smembers(TRANSPORTS_KEY)}
    async with redis.pipeline(transaction=False) as pipe:
        for name in sorted(known):
            pipe.xlen(f"{PREFIX}owed:{name}")
            pipe.xlen(f"{TRANSPORTS_KEY}:{name}")
        lengths = await pipe.execute() if known else []
    pending = dict(zip(sorted(known), zip(lengths[::2], lengths[1::2], strict=True), strict=True))
    return Page("masters.html", "Masters", "/masters", {"states": states, "pending_results": pending})


async def health(request: web.Request) -> Page:
    """Show whether what everything needs is well."""
    dashboard = dashboard_of(request)
    findings = [
        await _redis(dashboard),
        await _database(dashboard),
        await asyncio.to_thread(_store, dashboard),
        *await _backlog(dashboard),
    ]
    alerts = await firing(dashboard.frontier.redis)
    return Page("health.html", "Health", "/health", {"findings": findings, "alerts": alerts})


async def _redis(dashboard: Dashboard) -> HealthCheck:
    redis: Any = dashboard.frontier.redis
    try:
        info = await redis.info()
    except RedisError as error:
        return HealthCheck("Redis", is_well=False, text=str(error))
    limit, used = int(info.get("maxmemory", 0)), int(info["used_memory"])
    memory = f"{said_size(used)} of {said_size(limit)}, {used / limit:.0%}" if limit else f"{said_size(used)}, no limit"
    saved = info.get("aof_last_write_status", "ok") == "ok" and info.get("rdb_last_bgsave_status", "ok") == "ok"
    durable = "" if info.get("aof_enabled") else "; no append-only file: a restart loses what is waiting"
    version = info.get("valkey_version") or info["redis_version"]
    text = f"version {version}; memory: {memory}{'' if saved else '; it could not write to its disk'}{durable}"
    return HealthCheck("Redis", is_well=saved and (not limit or used / limit < FULL_SHARE), text=text)


async def _database(dashboard: Dashboard) -> HealthCheck:
    try:
        await dashboard.listings.documents(1)
    except RecordsError as error:
        return HealthCheck("Database", is_well=False, text=str(error))
    size = await asyncio.to_thread(_size, dashboard.config.database_url)
    return HealthCheck("Database", is_well=True, text=f"{dashboard.config.shown_database}{size}")


def _size(database_url: str) -> str:
    path = Path(unquote(database_url.partition("sqlite:///")[2]) or "/")
    return f"; {said_size(path.stat().st_size)}" if path.is_file() else ""


def _store(dashboard: Dashboard) -> HealthCheck:
    directory = dashboard.config.store_directory
    if directory is None:
        return HealthCheck("Store", is_well=True, text=dashboard.config.shown_store)
    place = next(path for path in (directory, *directory.parents) if path.exists())
    usage = shutil.disk_usage(place)
    text = f"{directory}; {said_size(usage.free)} of {said_size(usage.total)} free"
    return HealthCheck("Store and disk", is_well=usage.free > LEAST_FREE_SHARE * usage.total, text=text)


async def _backlog(dashboard: Dashboard) -> list[HealthCheck]:
    frontier, redis = dashboard.frontier, dashboard.frontier.redis
    fleet = await dashboard.monitor.fleet()
    dead = [worker for worker in fleet.workers if worker.deadline <= 0]
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zcard(f"{PREFIX}breakers")
        pipe.zcard(f"{PREFIX}solo")
        pipe.scard(f"{PREFIX}unanswered")
        pipe.type(frontier.start_urls)
        pipe.llen(f"{frontier.start_urls}:rejected")
        failing, solo, unanswered, _, rejected = await pipe.execute(raise_on_error=False)
    troubles = {worker.report.trouble for worker in fleet.workers if worker.report and worker.report.trouble}
    alive = counted(len(fleet.alive), "worker")
    said = f"{alive} alive" + (f", {len(dead):,} silent" if dead else "") + "".join(f"; {text}" for text in troubles)
    return [
        HealthCheck("Workers", is_well=bool(fleet.alive) and not troubles, text=said),
        HealthCheck("Hosts", is_well=not failing, text=f"{counted(failing, 'host')} failing"),
        HealthCheck("Set aside", is_well=not (solo or rejected), text=_set_aside(solo, rejected)),
        HealthCheck("Masters", is_well=True, text=f"{counted(unanswered, 'run')} to be answered"),
    ]


def _set_aside(solo: int, rejected: int) -> str:
    rejects = f"{counted(rejected, 'start URL')} rejected (scrapy rejects)" if isinstance(rejected, int) else "?"
    return f"{rejects}; {counted(solo, 'URL')} whose workers died, to be fetched alone"
