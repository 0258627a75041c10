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


async def read_lines(request: web.Request, name: str) -> list[str]:
    """Return the lines of a file in a form, without empty ones and comments; none if there is no file.

    Raises InvalidInput.
    """
    field = (await request.post()).get(name)
    if not isinstance(field, web.FileField):
        return []
    try:
        lines = field.file.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InvalidInput(f"the file {field.filename[:100]} is not UTF-8") from None
    return [text for line in lines if (text := line.strip()) and not text.startswith("#")]


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
