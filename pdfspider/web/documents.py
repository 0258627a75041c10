"""Serve documents of the store by their SHA-256, whole or in part."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aiohttp import web

from pdfspider.exceptions import InvalidInput

if TYPE_CHECKING:
    from aiohttp.helpers import ETag

    from pdfspider.documents.copies import Copies

SHA256_PATTERN = r"^[0-9a-f]{64}$"
CHUNK_SIZE = 1 << 18
ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


class Documents:
    """Serves the documents that ``copies`` can read back, or none without it.

    ``disposition`` is "attachment", or "inline" for a browser that shows documents itself.
    """

    def __init__(self, copies: Copies | None, disposition: str = "attachment") -> None:
        self._copies, self._disposition = copies, disposition

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer with a document, or with the part that the request asks for."""
        sha256 = request.match_info["sha256"]
        if not re.fullmatch(SHA256_PATTERN, sha256):
            raise InvalidInput("expected a SHA-256 of 64 lower-case hexadecimal digits")
        if self._copies is None:
            raise web.HTTPNotFound(reason="the documents of this store cannot be read here")
        async with self._copies.of([sha256]) as (path,):
            try:
                file = await asyncio.to_thread(Path(path).open, "rb")
            except FileNotFoundError:
                raise web.HTTPNotFound(reason="there is no such document in the store") from None
            with file:
                return await _answer(request, sha256, file, _headers(sha256, self._disposition))


async def _answer(request: web.Request, sha256: str, file: BinaryIO, headers: dict[str, str]) -> web.StreamResponse:
    if request.if_match and not _names(request.if_match, sha256):
        raise web.HTTPPreconditionFailed(reason="the document is another one than If-Match names")
    if request.if_none_match and _names(request.if_none_match, sha256):
        return web.Response(status=304, headers={"ETag": headers["ETag"]})
    size = os.fstat(file.fileno()).st_size
    part = asked_range(request, headers["ETag"], size)
    if part is not None and not part:
        raise web.HTTPRequestRangeNotSatisfiable(
            reason=f"the document has {size} bytes", headers={"Content-Range": f"bytes */{size}"}
        )
    whole = part is None
    part = range(size) if part is None else part
    response = web.StreamResponse(status=200 if whole else 206, headers=headers)
    if not whole:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    response.content_length = len(part)
    await response.prepare(request)
    if request.method != "HEAD":
        await _send(file, part, response)
    return response


async def _send(file: BinaryIO, part: range, response: web.StreamResponse) -> None:
    await asyncio.to_thread(file.seek, part.start)
    left = len(part)
    while left and (chunk := await asyncio.to_thread(file.read, min(CHUNK_SIZE, left))):
        left -= len(chunk)
        await response.write(chunk)


def asked_range(request: web.BaseRequest, etag: str, size: int) -> range | None:
    """Return the bytes that ``Range`` asks for, an empty range if there are none, or None for the whole document.

    Several ranges, and what is no range of bytes, ask for the whole. So does ``If-Range`` with another document.
    """
    found = ONE_RANGE.fullmatch(request.headers.get("Range", "").strip())
    if request.method != "GET" or not found or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = found.groups()
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _names(etags: tuple[ETag, ...], sha256: str) -> bool:
    return any(etag.value in (sha256, "*") for etag in etags)


def _headers(sha256: str, disposition: str) -> dict[str, str]:
    """Return headers with which a browser saves or shows the document and runs nothing in it."""
    return {
        "Content-Type": "application/pdf",
        "Content-Disposition": f'{disposition}; filename="{sha256}.pdf"',
        "Content-Security-Policy": "sandbox",
        "ETag": f'"{sha256}"',
        "Accept-Ranges": "bytes",
    }
