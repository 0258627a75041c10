"""Files: the dashboard's own style and script, documents and their thumbnails."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from aiohttp import web

from pdfspider.dashboard.state import dashboard_of
from pdfspider.web.documents import SHA256_PATTERN, Documents

TYPE_BY_SUFFIX = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FILE_NAMES = ("style.css", "live.js", "icon.svg")


class StaticFile(NamedTuple):
    """A file of the dashboard's own."""

    body: bytes
    content_type: str


@cache
def _own(name: str) -> StaticFile:
    body = (files("pdfspider.dashboard") / "static" / name).read_bytes()
    return StaticFile(body, TYPE_BY_SUFFIX[name.rpartition(".")[2]])


async def static(request: web.Request) -> web.Response:
    """Answer with a file of the dashboard's own."""
    name = request.match_info["name"]
    if name not in FILE_NAMES:
        raise web.HTTPNotFound
    file = _own(name)
    headers = {"Cache-Control": "no-cache"}
    response = web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=headers)
    response.last_modified = None
    return response


async def document(request: web.Request) -> web.StreamResponse:
    """Answer with a document, which a browser shows and runs nothing of in the page's origin."""
    return await Documents(dashboard_of(request).copies, "inline").serve(request)


async def thumbnail(request: web.Request) -> web.Response:
    """Answer with the picture of a document's first page."""
    sha256 = request.match_info["sha256"]
    if not re.fullmatch(SHA256_PATTERN, sha256):
        raise web.HTTPNotFound
    path = dashboard_of(request).config.data_dir / "thumbnails" / sha256[:2] / sha256[2:4] / f"{sha256}.png"
    try:
        body = await asyncio.to_thread(path.read_bytes)
    except OSError:
        raise web.HTTPNotFound(reason="there is no picture of this document") from None
    return web.Response(body=body, content_type="image/png", headers={"Content-Security-Policy": "sandbox"})
