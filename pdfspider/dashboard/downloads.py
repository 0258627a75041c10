"""Downloads, which are sent as they are read."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING

from aiohttp import web

from pdfspider.dashboard.forms import whole
from pdfspider.dashboard.state import dashboard_of
from pdfspider.frontier.jobs import job_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pdfspider.records.changes import Change

CHUNK_SIZE = 64 * 1024


async def changes(request: web.Request) -> web.StreamResponse:
    """Answer with all changes in a job since an earlier run, one JSON object on each line."""
    job = job_name(request.match_info["job"])
    since = whole(request, "since") if request.query.get("since") else None
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/x-ndjson; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{job}-changes.jsonl"',
        }
    )
    async with aclosing(dashboard_of(request).records.changes(job, since)) as found:
        first = await anext(found, None)  # an error comes before the head of the answer
        await response.prepare(request)
        async for chunk in _chunks(first, found):
            await response.write(chunk)
    await response.write_eof()
    return response


async def _chunks(first: Change | None, others: AsyncIterator[Change]) -> AsyncIterator[bytes]:
    """Yield the lines in chunks of about ``CHUNK_SIZE`` bytes."""
    lines = _line(first) if first else b""
    async for change in others:
        lines += _line(change)
        if len(lines) >= CHUNK_SIZE:
            yield lines
            lines = b""
    yield lines


def _line(change: Change) -> bytes:
    return (json.dumps(change._asdict(), ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
