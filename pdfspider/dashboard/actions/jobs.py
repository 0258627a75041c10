"""Pause, resume and cancel jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.dashboard.forms import see_other
from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import FrontierError

if TYPE_CHECKING:
    from aiohttp import web

STATES_BY_ACTION = {
    "pause": (("paused",), "Paused. URLs that are leased already still end."),
    "resume": (("running",), "Resumed."),
    "cancel": (("cancelling", "cancelled"), "Cancelled. URLs that are leased already still end."),
}
"""For each action, the states in which it leaves a job, and what is said then."""


async def control(request: web.Request) -> web.StreamResponse:
    """Pause, resume or cancel a job."""
    job, action = request.match_info["job"], request.match_info["action"]
    state = await dashboard_of(request).frontier.control(job, action)
    wanted, said = STATES_BY_ACTION[action]
    if state not in wanted:
        raise FrontierError(f"job {job} is {state}: there is nothing to {action}")
    return see_other(request, f"/jobs/{job}", said)
