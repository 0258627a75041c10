"""The list of jobs, and one job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdfspider.dashboard.forms import whole
from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import JobNotFound
from pdfspider.formatting import FAILURES, LEFT_OUT
from pdfspider.records.listings import STORED

if TYPE_CHECKING:
    from aiohttp import web

LISTED = 50
NEWEST = 12


async def listed(request: web.Request) -> Page:
    """Show the jobs, the newest first."""
    frontier = dashboard_of(request).frontier
    before, only_open = whole(request, "before"), request.query.get("show") == "open"
    page = await frontier.job_lists.page(LISTED, before, only_open=only_open)
    known, is_open = await frontier.job_lists.counts()
    values = {
        "jobs": page.jobs,
        "next": page.next,
        "before": before,
        "only_open": only_open,
        "known": known,
        "open": is_open,
        "workers": [name async for name in frontier.workers()],
    }
    return Page("jobs.html", "Jobs", "/", values)


async def one(request: web.Request) -> Page:
    """Show one job."""
    dashboard, job = dashboard_of(request), await read_job(request)
    name, run = job["name"], job["run"]
    newest = await dashboard.listings.captures(name, run, STORED, NEWEST)
    failed = await dashboard.listings.captures(name, run, FAILURES, NEWEST)
    left_out = await dashboard.listings.captures(name, run, LEFT_OUT, NEWEST)
    values = {"job": job, "documents": newest, "failed": failed, "left_out": left_out}
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
