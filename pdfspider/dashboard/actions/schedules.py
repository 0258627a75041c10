"""Forms that schedule jobs, and that end schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import ValidationError

from pdfspider.dashboard.forms import read_form, see_other
from pdfspider.dashboard.pages import Page, render
from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.frontier.entries import SCOPES
from pdfspider.frontier.jobs import job_name
from pdfspider.frontier.reports.fleet import frontier_time
from pdfspider.frontier.schedules import Schedules
from pdfspider.submission.params import Params, faults
from pdfspider.submission.schedules import said_interval
from pdfspider.submission.scheduling import RunTimes, schedule

if TYPE_CHECKING:
    from pdfspider.frontier.schedules import Schedule

FORM_FIELDS = ("job", "urls", "depth", "scope", "due", "max_pages", "max_documents", "max_seconds")


async def form(request: web.Request) -> Page:
    """Show the form, with what the job's schedule has so far."""
    dashboard, name = dashboard_of(request), request.query.get("job", "").strip()
    before = await Schedules(dashboard.frontier.redis).get(job_name(name)) if name else None
    return _form({"job": name} | (_fields(before) if before else {}), before)


async def put(request: web.Request) -> web.StreamResponse:
    """Schedule a job, or show the form again with what is wrong."""
    dashboard, given = dashboard_of(request), await read_form(request)
    config, frontier = dashboard.config, dashboard.frontier
    try:
        params = _read(given)
        times = RunTimes.read(given.get("every", ""), given.get("cron", ""), await frontier_time(frontier.redis))
        planned = await schedule(config, frontier, dashboard.records, params, times)
    except (InvalidInput, JobNotFound) as error:
        page = _form(given, None, str(error).splitlines())
        return web.Response(text=render(page), content_type="text/html", status=400)
    return see_other(request, "/schedules", f"The job {planned.job} is scheduled.")


async def ask_to_remove(request: web.Request) -> Page:
    """Ask whether a schedule is to be removed."""
    planned = await Schedules(dashboard_of(request).frontier.redis).get(request.match_info["job"])
    if planned is None:
        raise _none(request)
    return Page("unschedule.html", "Remove a schedule", "/schedules", {"schedule": planned}, is_live=False)


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove a schedule."""
    if not await Schedules(dashboard_of(request).frontier.redis).remove(request.match_info["job"]):
        raise _none(request)
    return see_other(request, "/schedules", f"The schedule of {request.match_info['job']} is removed.")


def _none(request: web.Request) -> JobNotFound:
    return JobNotFound(f"the job {request.match_info['job']!r} has no schedule")


def _fields(before: Schedule) -> dict[str, str]:
    """Return the form's fields as they stand in a schedule."""
    options = before.options
    limits = {
        "max_pages": options.max_pages,
        "max_documents": options.max_documents,
        "max_seconds": options.max_time / 1000,
    }
    shown = {name: f"{value:g}" for name, value in limits.items() if value}
    every = said_interval(before.every) if before.every else ""
    return {"every": every, "cron": before.cron, "due": "1" if options.due else "", **shown}


def _read(given: dict[str, str]) -> Params:
    """Return the spider's arguments; a limit that is left empty is none.

    Raises InvalidInput.
    """
    found = {"max_pages": "0", "max_documents": "0", "max_seconds": "0"} | given
    try:
        params = Params.model_validate({name: found[name] for name in FORM_FIELDS if name in found})
    except ValidationError as error:
        raise InvalidInput("\n".join(f"{name} {value}: {text}" for name, value, text in faults(error))) from None
    if not params.job:
        raise InvalidInput("there is no job")
    return params


def _form(given: dict[str, str], before: Schedule | None, problems: list[str] | None = None) -> Page:
    values = {"given": given, "before": before, "problems": problems or [], "scopes": SCOPES}
    return Page("schedule.html", "Schedule a job", "/schedules", values, is_live=False)
