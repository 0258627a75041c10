"""The form to submit URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import ValidationError

from pdfspider.dashboard.forms import read_form, read_lines, see_other
from pdfspider.dashboard.pages import Page, render
from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import InvalidInput
from pdfspider.formatting import counted
from pdfspider.frontier.entries import SCOPES
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.submission.params import Params, faults
from pdfspider.submission.seeds import job_for, read_seeds
from pdfspider.submission.submitting import check_params
from pdfspider.submission.submitting import submit as hand_in

if TYPE_CHECKING:
    from pdfspider.config import Config

FORM_FIELDS = ("urls", "cdx", "job", "depth", "scope", "due", "max_pages", "max_documents", "max_seconds")
"""The arguments of the spider that the form has; never the one that names a file of this machine."""


async def form(request: web.Request) -> Page:
    """Show the form."""
    given = {name: value for name, value in request.query.items() if name in (*FORM_FIELDS, "priority", "open")}
    return _form(dashboard_of(request).config, given)


async def submit(request: web.Request) -> web.StreamResponse:
    """Submit the URLs, or show the form again with what is wrong."""
    dashboard, given = dashboard_of(request), await read_form(request)
    try:
        given["urls"] = " ".join((given.get("urls", ""), *await read_lines(request, "file"))).strip()
        params, priority = _read(given)
        params.job = params.job or job_for(read_seeds(params, dashboard.config, priority))
        check_params(params, priority)
        seal = "open" not in given
        config, frontier, records = dashboard.config, dashboard.frontier, dashboard.records
        handed = await hand_in(config, frontier, records, params, priority=priority, seal=seal)
    except InvalidInput as error:
        text = render(_form(dashboard.config, given, str(error).splitlines()))
        return web.Response(text=text, content_type="text/html", status=400)
    left = f" {handed.not_due:,} left out: their hosts are not due again yet." if handed.not_due else ""
    said = f"{counted(handed.taken, 'URL')} handed in, {handed.added:,} of them new.{left}"
    return see_other(request, f"/jobs/{handed.job}", said)


def _read(given: dict[str, str]) -> tuple[Params, int]:
    """Return the arguments and the priority.

    Raises InvalidInput.
    """
    try:
        params = Params.model_validate({name: given[name] for name in FORM_FIELDS if name in given})
        priority = int(given.get("priority", "0"))
    except ValidationError as error:
        raise InvalidInput("\n".join(f"{name} {value}: {text}" for name, value, text in faults(error))) from None
    except ValueError:
        raise InvalidInput(f"priority {given['priority'][:100]} is not a whole number") from None
    if not params.names_urls:
        raise InvalidInput("there is no URL")
    return params, priority


def _form(config: Config, given: dict[str, str], problems: list[str] | None = None) -> Page:
    values = {"given": given, "problems": problems or [], "scopes": SCOPES, "default": DEFAULT_JOB, "config": config}
    return Page("submit.html", "Submit", "/submit", values, is_live=False)
