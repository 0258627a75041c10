"""The list of jobs, and one job."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pdfspider.dashboard.charts import chart
from pdfspider.dashboard.forms import whole
from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import JobNotFound
from pdfspider.formatting import FAILURE_OUTCOMES, LEFT_OUT_OUTCOMES
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.frontier.reports.fleet import read_fleet
from pdfspider.frontier.schedules import Schedules
from pdfspider.monitoring.outlook import outlook
from pdfspider.monitoring.reasons import reason
from pdfspider.records.listings import STORED_OUTCOMES

if TYPE_CHECKING:
    from aiohttp import web

    from pdfspider.dashboard.state import Dashboard
    from pdfspider.monitoring.reasons import FleetFacts

PAGE_SIZE = 25
MAX_HOSTS = 4
"""Hosts of each job in the list that are looked at for its reason."""
MAX_CONCURRENT_QUERIES = 8
NEWEST_SHOWN = 12
SLOWEST_SHOWN = 8


async def listed(request: web.Request) -> Page:
    """Show the jobs, the newest first, each with the reason why it is not finished."""
    dashboard = dashboard_of(request)
    config, frontier = dashboard.config, dashboard.frontier
    before, only_open = whole(request, "before"), request.query.get("show") == "open"
    lists, fleet = frontier.job_lists, await dashboard.monitor.fleet()
    page = await lists.page(PAGE_SIZE, before, only_open=only_open)
    known, is_open = await lists.counts()
    values = {
        "jobs": await _with_reasons(dashboard, page.jobs, fleet),
        "planned": await Schedules(frontier.redis).next_times([job["name"] for job in page.jobs]),
        "next": page.next,
        "before": before,
        "only_open": only_open,
        "known": known,
        "open": is_open,
        "fleet": fleet,
        "speed": sum(worker.report.rate for worker in fleet.alive if worker.report),
        "totals": await read_fleet(frontier.redis, frontier.start_urls, config.concurrency),
    }
    return Page("jobs.html", "Jobs", "/", values)


async def _with_reasons(dashboard: Dashboard, jobs: list[dict[str, Any]], fleet: FleetFacts) -> list[dict[str, Any]]:
    """Return the jobs with what there is to say of each; a few are looked at at once."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(jobs), MAX_CONCURRENT_QUERIES):
        some = jobs[start : start + MAX_CONCURRENT_QUERIES]
        found += await asyncio.gather(*(_with_reason(dashboard, job, fleet) for job in some))
    return found


async def _with_reason(dashboard: Dashboard, job: dict[str, Any], fleet: FleetFacts) -> dict[str, Any]:
    if job["state"] in ("finished", "cancelled"):
        return {**job, "why": "", "outlook": None}
    facts = await dashboard.monitor.facts(job, fleet, MAX_HOSTS)
    history = await dashboard.monitor.reports.history(job["run"])
    return {**job, "why": reason(facts), "outlook": outlook(job, history, facts.hosts, time.time())}


async def one(request: web.Request) -> Page:
    """Show one job."""
    dashboard, job = dashboard_of(request), await read_job(request)
    name, run, now = job["name"], job["run"], time.time()
    facts = await dashboard.monitor.facts(job, await dashboard.monitor.fleet())
    history = await dashboard.monitor.reports.history(run)
    listings = dashboard.listings
    values = {
        "job": job,
        "default": DEFAULT_JOB,
        "planned": (await Schedules(dashboard.frontier.redis).next_times([name])).get(name),
        "why": reason(facts),
        "outlook": outlook(job, history, facts.hosts, now),
        "chart": chart(job, history, now),
        "hosts": sorted(facts.hosts, key=lambda host: (-host.seconds_left, host.name))[:SLOWEST_SHOWN],
        "known_hosts": facts.known_hosts,
        "documents": await listings.captures(name, run, STORED_OUTCOMES, NEWEST_SHOWN),
        "failed": await listings.captures(name, run, FAILURE_OUTCOMES, NEWEST_SHOWN),
        "left_out": await listings.captures(name, run, LEFT_OUT_OUTCOMES, NEWEST_SHOWN),
    }
    return Page("job.html", name, "/", values)


async def ask_to_cancel(request: web.Request) -> Page:
    """Ask whether a job is to be cancelled."""
    return Page("cancel.html", "Cancel", "/", {"job": await read_job(request)}, is_live=False)


async def read_job(request: web.Request) -> dict[str, Any]:
    """Return the job that the path names.

    Raises JobNotFound and InvalidInput.
    """
    frontier, name = dashboard_of(request).frontier, request.match_info["job"]
    found = await frontier.job_lists.read([(name, await frontier.run_of(name))])
    if not found:
        raise JobNotFound(f"there is no job {name!r}")
    return found[0]
