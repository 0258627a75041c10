"""The list of hosts, and one host."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import web

from pdfspider.dashboard.forms import whole
from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.discovery.urls import host_of
from pdfspider.formatting import OUTCOMES_BY_NAME
from pdfspider.frontier.reports.host_states import HostPage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdfspider.dashboard.state import Dashboard
    from pdfspider.frontier.reports.host_states import HostState

    Outcomes = dict[str, Counter[str]]
    """Numbers of URLs by host and outcome class."""

PAGE_SIZE = 50
MAX_CAPTURES_SEARCHED = 2000
"""Captures of the jobs at the hosts that are looked at for outcomes."""
MAX_RUNS = 8
"""Runs whose captures are looked at."""


async def listed(request: web.Request) -> Page:
    """Show the hosts by their next opening, those that are being asked, or those that fail."""
    dashboard = dashboard_of(request)
    if name := request.query.get("name", "").strip().lower():
        raise web.HTTPSeeOther(f"/hosts/{name}")
    show, start = request.query.get("show", ""), whole(request, "start")
    page = await _busy(dashboard) if show == "busy" else await _page(dashboard, start, show)
    jobs = await _jobs_of(dashboard, page.hosts)
    outcomes = await _outcomes(dashboard, page.hosts, jobs)
    values = {"page": page, "show": show, "jobs": jobs, "outcomes": outcomes, "looked_at": MAX_CAPTURES_SEARCHED}
    return Page("hosts.html", "Hosts", "/hosts", values)


async def _page(dashboard: Dashboard, start: int, show: str) -> HostPage:
    return await dashboard.monitor.hosts.page(PAGE_SIZE, start, failing=show == "failing")


async def _busy(dashboard: Dashboard) -> HostPage:
    """Return hosts at which workers hold leases."""
    fleet = await dashboard.monitor.fleet()
    held = await dashboard.monitor.reports.held([worker.name for worker in fleet.alive[:PAGE_SIZE]])
    ids = dict.fromkeys(lease.host for leases in held.values() for lease in leases)
    hosts = await dashboard.monitor.hosts.read([*ids][:PAGE_SIZE])
    return HostPage(sorted(hosts, key=lambda host: host.name), 0, len(ids))


async def one(request: web.Request) -> Page:
    """Show one host."""
    dashboard, name = dashboard_of(request), request.match_info["host"]
    host = await dashboard.monitor.hosts.named(name)
    if host is None:
        raise web.HTTPNotFound(reason=f"the frontier knows no host {name}")
    jobs = await _jobs_of(dashboard, [host])
    outcomes = (await _outcomes(dashboard, [host], jobs))[host.name]
    values = {"host": host, "jobs": jobs, "outcomes": outcomes, "looked_at": MAX_CAPTURES_SEARCHED}
    return Page("host.html", host.name, "/hosts", values)


async def _jobs_of(dashboard: Dashboard, hosts: Sequence[HostState]) -> dict[int, str]:
    """Return the names of the jobs that have work at these hosts, by their runs."""
    return await dashboard.frontier.job_lists.names(sorted({run for host in hosts for run in host.runs}))


async def _outcomes(dashboard: Dashboard, hosts: Sequence[HostState], jobs: Mapping[int, str]) -> Outcomes:
    """Return how the newest URLs of these hosts have ended, by host and class; a bounded number is looked at."""
    runs = Counter(run for host in hosts for run in host.runs if run in jobs).most_common(MAX_RUNS)
    found = await dashboard.frontier.job_lists.read([(jobs[run], run) for run, _ in runs])
    ended: Outcomes = {host.name: Counter() for host in hosts}
    for job in found:
        classes = [OUTCOMES_BY_NAME[name] for name in job["classes"]]
        for row in await dashboard.listings.outcomes(
            job["name"], job["run"], classes, MAX_CAPTURES_SEARCHED // len(found)
        ):
            if (name := host_of(row.url)) in ended:
                ended[name][row.outcome] += 1
    return ended
