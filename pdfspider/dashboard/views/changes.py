"""The changes in a job since an earlier run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pdfspider.dashboard.forms import whole
from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.frontier.jobs import job_name
from pdfspider.records.changes import CAPTURES_PER_CALL
from pdfspider.records.cursors import Cursor

if TYPE_CHECKING:
    from aiohttp import web

PAGE_SIZE = 50


async def of_job(request: web.Request) -> Page:
    """Show the documents of a job that are new, have changed, or are gone since an earlier run.

    The job may be one of which only the database knows.
    """
    job = job_name(request.match_info["job"])
    since = whole(request, "since") if request.query.get("since") else None
    after = Cursor.parse(request.query.get("after", ""))
    part = await dashboard_of(request).listings.changes(job, since, PAGE_SIZE, after)
    more = urlencode({"since": part.since, "after": str(part.next)}) if part.next else ""
    values = {"job": job, "part": part, "after": after, "more": more, "looked_at": CAPTURES_PER_CALL}
    return Page("changes.html", f"Changes in {job}", "/", values)
