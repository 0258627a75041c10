"""Pages: what a view returns, and how it is rendered."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pdfspider.dashboard import filters

if TYPE_CHECKING:
    from jinja2 import Template

NAVIGATION = (
    ("/", "Jobs"),
    ("/hosts", "Hosts"),
    ("/workers", "Workers"),
    ("/documents", "Documents"),
    ("/failures", "Failures"),
    ("/schedules", "Schedules"),
    ("/submit", "Submit"),
    ("/masters", "Masters"),
    ("/health", "Health"),
)


@dataclass(slots=True)
class Page:
    """The result of a view: a template with its values; ``section`` is the path of its entry in the navigation."""

    template: str
    title: str
    section: str
    values: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    is_live: bool = True
    """Whether the page follows what happens; its template then has a block "live"."""


@cache
def environment() -> Environment:
    """Return Jinja's environment; everything that is put into a template is escaped."""
    made = Environment(
        loader=PackageLoader("pdfspider.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters.FILTERS)
    made.globals.update(filters.GLOBALS)
    made.globals["ui"] = made.get_template("macros.html").module
    return made


def render(page: Page, **more: Any) -> str:
    """Return a page as HTML."""
    return _template(page).render(_context(page, **more))


def render_live(page: Page) -> str:
    """Return the part of a page that follows what happens, as HTML."""
    template = _template(page)
    return "".join(template.blocks["live"](template.new_context(_context(page))))


def _template(page: Page) -> Template:
    return environment().get_template(page.template)


def _context(page: Page, **more: Any) -> dict[str, Any]:
    common = {"title": page.title, "section": page.section, "navigation": NAVIGATION, "is_live": page.is_live}
    return {**common, "now": time.time(), "note": "", "signed_in": False, **more, **page.values}
