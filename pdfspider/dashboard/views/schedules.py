"""The list of schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.dashboard.forms import whole
from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.frontier.reports.fleet import frontier_time
from pdfspider.frontier.schedules import Schedules

if TYPE_CHECKING:
    from aiohttp import web

PAGE_SIZE = 50


async def listed(request: web.Request) -> Page:
    """Show the schedules by their next time, each with its last run."""
    dashboard, start = dashboard_of(request), whole(request, "start")
    schedules = Schedules(dashboard.frontier.redis)
    found, known = await schedules.page(PAGE_SIZE, start), await schedules.count()
    fleet = await dashboard.monitor.fleet()
    runs = await dashboard.frontier.job_lists.read([(each.job, each.started) for each in found])
    values = {
        "schedules": found,
        "known": known,
        "next": start + PAGE_SIZE if start + PAGE_SIZE < known else 0,
        "runs": {job["run"]: job for job in runs},
        "clock": await frontier_time(dashboard.frontier.redis),
        "workers": len(fleet.alive),
    }
    return Page("schedules.html", "Schedules", "/schedules", values)
