"""The list of documents, and one document."""

from __future__ import annotations

import json
import re

from aiohttp import web

from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import dashboard_of
from pdfspider.records.listings import VISITS, Place
from pdfspider.web.documents import SHA256

LISTED = 50


async def listed(request: web.Request) -> Page:
    """Show the documents, the newest first."""
    after = Place.parse(request.query.get("after", ""))
    part = await dashboard_of(request).listings.documents(LISTED, after)
    return Page("documents.html", "Documents", "/documents", {"part": part, "after": after})


async def one(request: web.Request) -> Page:
    """Show one document: what is inside, and where it came from."""
    sha256 = request.match_info["sha256"]
    found = await dashboard_of(request).listings.document(sha256) if re.fullmatch(SHA256, sha256) else None
    if found is None:
        raise web.HTTPNotFound(reason="there is no such document")
    document, visits = found
    hops = {visit.fingerprint: json.loads(visit.hops) for visit in visits}
    values = {"document": document, "visits": visits, "hops": hops, "most": VISITS}
    return Page("document.html", document.title or "Document", "/documents", values, is_live=False)
