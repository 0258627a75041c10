"""Reading of forms, and the answers of actions."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from pdfspider.dashboard.state import dashboard_of
from pdfspider.exceptions import InvalidInput


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of a form that were filled in; files are left out."""
    fields = await request.post()
    return {name: text for name, value in fields.items() if isinstance(value, str) and (text := value.strip())}


def see_other(request: web.Request, path: str, note: str = "") -> web.Response:
    """Return the answer to an action: the page that shows what has become of it, with a message."""
    query = f"?{urlencode({'note': dashboard_of(request).messages.keep(note)})}" if note else ""
    return web.Response(status=303, headers={"Location": f"{path}{query}"})


def whole(request: web.Request, name: str) -> int:
    """Return a whole number of the query, 0 if it is not given.

    Raises InvalidInput.
    """
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidInput(f"{name} must be a whole number")
    return int(text)
