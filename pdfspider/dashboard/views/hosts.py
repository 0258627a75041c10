"""The list of hosts, and one host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from pdfspider.dashboard.forms import whole
from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import JobNotFound

if TYPE_CHECKING:
    from pdfspider.dashboard.state import Dashboard
    from pdfspider.frontier.host_states import HostState

LISTED = 50


async def listed(request: web.Request) -> Page:
    """Show the hosts by their next opening, or those that fail."""
    dashboard = dashboard_of(request)
    if name := request.query.get("name", "").strip().lower():
        raise web.HTTPSeeOther(f"/hosts/{name}")
    failing, start = request.query.get("show") == "failing", whole(request, "start")
    page = await dashboard.monitor.hosts.page(LISTED, start, failing=failing)
    jobs = await _jobs_of(dashboard, page.hosts)
    return Page("hosts.html", "Hosts", "/hosts", {"page": page, "failing": failing, "jobs": jobs})


async def one(request: web.Request) -> Page:
    """Show one host."""
    dashboard, name = dashboard_of(request), request.match_info["host"]
    host = await dashboard.monitor.hosts.named(name)
    if host is None:
        raise web.HTTPNotFound(reason=f"the frontier knows no host {name}")
    values = {"host": host, "jobs": await _jobs_of(dashboard, [host])}
    return Page("host.html", host.name, "/hosts", values)


async def _jobs_of(dashboard: Dashboard, hosts: list[HostState]) -> dict[int, str]:
    """Return the names of the jobs that have work at these hosts, by their runs."""
    found = {}
    for run in {run for host in hosts for run in host.runs}:
        try:
            found[run] = (await dashboard.frontier.job(run)).name
        except JobNotFound:
            found[run] = str(run)
    return found
