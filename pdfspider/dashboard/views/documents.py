"""The list of documents, and one document."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import InvalidInput
from pdfspider.records.cursors import Cursor
from pdfspider.records.listings import MAX_DOCUMENTS_SEARCHED, STORED_OUTCOMES, Search
from pdfspider.web.documents import SHA256_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE_SIZE = 50
FILTER_FIELDS = ("text", "host", "sha256", "since", "until", "job")
HASH_PREFIX = re.compile("[0-9a-f]{1,64}")


async def listed(request: web.Request) -> Page:
    """Show the documents, the newest first, or those that are searched for."""
    dashboard = dashboard_of(request)
    given = {name: text for name in FILTER_FIELDS if (text := request.query.get(name, "").strip())}
    after = Cursor.parse(request.query.get("after", ""))
    if job := given.get("job"):
        run = await dashboard.frontier.run_of(job)
        part = await dashboard.listings.captures(job, run, STORED_OUTCOMES, PAGE_SIZE, after)
    else:
        part = await dashboard.listings.documents(PAGE_SIZE, after, _search(given))
    more = "/documents?" + urlencode({**given, "after": str(part.next)}) if part.next else ""
    values = {"part": part, "after": after, "given": given, "more": more, "looked_at": MAX_DOCUMENTS_SEARCHED}
    return Page("documents.html", "Documents", "/documents", values)


def _search(given: Mapping[str, str]) -> Search:
    """Return what is searched for.

    Raises InvalidInput.
    """
    sha256 = given.get("sha256", "").lower()
    if sha256 and not HASH_PREFIX.fullmatch(sha256):
        raise InvalidInput("a SHA-256 has only the digits 0 to 9 and a to f")
    since, until = (_day(given[name]) if name in given else None for name in ("since", "until"))
    return Search(
        text=given.get("text", ""),
        host=given.get("host", "").lower(),
        sha256=sha256,
        since=since.timestamp() if since else 0.0,
        until=(until + timedelta(days=1)).timestamp() if until else 0.0,
    )


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidInput(f"{text[:20]!r} is not a day as 2026-11-28 is") from None


async def one(request: web.Request) -> Page:
    """Show one document: what is inside, and where it came from."""
    sha256 = request.match_info["sha256"]
    listings, after = dashboard_of(request).listings, Cursor.parse(request.query.get("after", ""))
    document = await listings.document(sha256) if re.fullmatch(SHA256_PATTERN, sha256) else None
    if document is None:
        raise web.HTTPNotFound(reason="there is no such document")
    part = await listings.visits(sha256, PAGE_SIZE, after)
    hops = {(visit.run, visit.fingerprint): json.loads(visit.hops) for visit in part.rows}
    values = {"document": document, "part": part, "hops": hops, "after": after}
    return Page("document.html", document.title or "Document", "/documents", values, is_live=False)
