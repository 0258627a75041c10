"""Failures and URLs that were left out: the captures of a job by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.dashboard.views.jobs import read_job
from pdfspider.formatting import FAILURE_OUTCOMES, LEFT_OUT_OUTCOMES, OUTCOMES_BY_NAME
from pdfspider.records.cursors import Cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdfspider.items import Outcome

PAGE_SIZE = 50
MAX_JOBS = 25
OUTCOME_GROUPS: dict[str, tuple[Outcome, ...]] = {"failed": FAILURE_OUTCOMES, "left-out": LEFT_OUT_OUTCOMES}
"""Classes that are shown together."""


async def listed(request: web.Request) -> Page:
    """Show for the newest jobs how many URLs failed in which class."""
    lists = dashboard_of(request).frontier.job_lists
    page = await lists.page(MAX_JOBS)
    failed = {
        job["name"]: {
            name: number for name, number in job["classes"].items() if OUTCOMES_BY_NAME[name] in FAILURE_OUTCOMES
        }
        for job in page.jobs
    }
    return Page("failures.html", "Failures", "/failures", {"failed": failed, "jobs": page.jobs})


async def of_job(request: web.Request) -> Page:
    """Show the captures of a job that ended in one class, or in a group of them."""
    job, name = await read_job(request), request.match_info["outcome"]
    classes: Sequence[Outcome] = OUTCOME_GROUPS.get(name) or (
        [OUTCOMES_BY_NAME[name]] if name in OUTCOMES_BY_NAME else []
    )
    if not classes:
        raise web.HTTPNotFound(reason=f"there is no class {name}")
    after = Cursor.parse(request.query.get("after", ""))
    part = await dashboard_of(request).listings.captures(job["name"], job["run"], classes, PAGE_SIZE, after)
    counted = {each.value: job["classes"][each.value] for each in classes if each.value in job["classes"]}
    values = {"job": job, "name": name, "part": part, "counts": counted, "is_dead": _is_dead(classes)}
    return Page("captures.html", f"{job['name']}: {name}", "/failures", values)


def _is_dead(classes: Sequence[Outcome]) -> bool:
    return any(outcome.dead for outcome in classes)
