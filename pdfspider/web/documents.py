"""Serve documents of the store by their SHA-256."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from pdfspider.exceptions import InvalidInput

if TYPE_CHECKING:
    from pdfspider.documents.copies import Copies

SHA256 = r"^[0-9a-f]{64}$"
CHUNK = 1 << 18


class Documents:
    """Serves the documents that ``copies`` can read back, or none without it.

    ``disposition`` is "attachment", or "inline" for a browser that shows documents itself.
    """

    def __init__(self, copies: Copies | None, disposition: str = "attachment") -> None:
        self._copies, self._disposition = copies, disposition

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer with a document."""
        sha256 = request.match_info["sha256"]
        if not re.fullmatch(SHA256, sha256):
            raise InvalidInput("expected a SHA-256 of 64 lower-case hexadecimal digits")
        if self._copies is None:
            raise web.HTTPNotFound(reason="the documents of this store cannot be read here")
        async with self._copies.of([sha256]) as (path,):
            try:
                file = await asyncio.to_thread(Path(path).open, "rb")
            except FileNotFoundError:
                raise web.HTTPNotFound(reason="there is no such document in the store") from None
            with file:
                response = web.StreamResponse(headers=_headers(sha256, self._disposition))
                response.content_length = os.fstat(file.fileno()).st_size
                await response.prepare(request)
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    await response.write(chunk)
        return response


def _headers(sha256: str, disposition: str) -> dict[str, str]:
    """Return headers with which a browser saves or shows the document and runs nothing in it."""
    return {
        "Content-Type": "application/pdf",
        "Content-Disposition": f'{disposition}; filename="{sha256}.pdf"',
        "Content-Security-Policy": "sandbox",
        "ETag": f'"{sha256}"',
    }
