"""The objects that the pages and actions of a dashboard share."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pdfspider.dashboard.access import AccessControl

if TYPE_CHECKING:
    import asyncio

    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.monitoring.reading import Monitor
    from pdfspider.records import Database
    from pdfspider.records.listings import Listings

MESSAGES_KEPT = 1000


class FlashMessages:
    """Messages that are shown once, on the page to which an action leads; the newest are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, str] = OrderedDict()

    def keep(self, text: str) -> str:
        """Keep a message, and return its id."""
        note = token_urlsafe(9)
        self._kept[note] = text
        while len(self._kept) > MESSAGES_KEPT:
            self._kept.popitem(last=False)
        return note

    def get(self, note: str) -> str:
        """Return the message with this id, "" if it is not known."""
        return self._kept.get(note, "")


@dataclass(slots=True, kw_only=True)
class Dashboard:
    """The parts that handlers use."""

    config: Config
    frontier: Frontier
    records: Database
    listings: Listings
    monitor: Monitor
    copies: Copies | None
    """The copies of documents, None if the store cannot be read back."""
    working: set[asyncio.Task[Any]] = field(default_factory=set)
    """Actions that go on after they were answered."""
    messages: FlashMessages = field(default_factory=FlashMessages)


ACCESS: web.AppKey[AccessControl] = web.AppKey("access", AccessControl)
DASHBOARD: web.AppKey[Dashboard] = web.AppKey("dashboard", Dashboard)


def dashboard_of(request: web.Request) -> Dashboard:
    """Return the dashboard that serves a request."""
    return request.app[DASHBOARD]
