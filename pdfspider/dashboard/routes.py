"""The paths of the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from pdfspider.dashboard import downloads, files, signing_in
from pdfspider.dashboard.actions import jobs as job_actions
from pdfspider.dashboard.actions import schedules as schedule_actions
from pdfspider.dashboard.actions import steering, submission
from pdfspider.dashboard.views import changes, documents, failures, fleet, hosts, jobs, schedules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.dashboard.live import View

    Action = Callable[[web.Request], Awaitable[web.StreamResponse]]

VIEWS: tuple[tuple[str, View], ...] = (
    ("/", jobs.listed),
    ("/jobs/{job}", jobs.one),
    ("/jobs/{job}/cancel", jobs.ask_to_cancel),
    ("/jobs/{job}/change", steering.ask_to_change),
    ("/jobs/{job}/classes/{outcome}", failures.of_job),
    ("/jobs/{job}/changes", changes.of_job),
    ("/hosts", hosts.listed),
    ("/hosts/{host}", hosts.one),
    ("/workers", fleet.workers),
    ("/documents", documents.listed),
    ("/documents/{sha256}", documents.one),
    ("/failures", failures.listed),
    ("/schedules", schedules.listed),
    ("/schedule", schedule_actions.form),
    ("/schedules/{job}/remove", schedule_actions.ask_to_remove),
    ("/submit", submission.form),
    ("/masters", fleet.masters),
    ("/health", fleet.health),
    ("/block", steering.ask_to_block),
    ("/login", signing_in.form),
)
"""Pages: a path and the function that returns its page."""
ACTIONS: tuple[tuple[str, Action], ...] = (
    ("/submit", submission.submit),
    ("/jobs/{job}/{action:pause|resume|cancel}", job_actions.control),
    ("/jobs/{job}/change", steering.change),
    ("/jobs/{job}/retry", steering.retry),
    ("/schedule", schedule_actions.put),
    ("/schedules/{job}/remove", schedule_actions.remove),
    ("/hosts/{host}/reset", steering.reset_host),
    ("/block", steering.block),
    ("/unblock", steering.unblock),
    ("/login", signing_in.sign_in),
    ("/logout", signing_in.sign_out),
)
"""Forms: a path and the function that does what is asked and answers with 303."""


def routes() -> list[web.RouteDef]:
    """Return the routes that are neither pages nor forms: files, and whatever machines read."""
    return [
        web.get("/static/{name}", files.static),
        web.get("/documents/{sha256}/file", files.document),
        web.get("/documents/{sha256}/thumbnail", files.thumbnail),
        web.get("/jobs/{job}/changes.jsonl", downloads.changes),
    ]
