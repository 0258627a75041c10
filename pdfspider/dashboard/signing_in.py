"""The form for the token."""

from __future__ import annotations

import asyncio

from aiohttp import web

from pdfspider.dashboard import access
from pdfspider.dashboard.forms import read_form, see_other
from pdfspider.dashboard.pages import Page
from pdfspider.dashboard.state import ACCESS

WRONG_TOKEN_DELAY_S = 1.0
"""Seconds before a wrong token is answered."""
COMPARISONS = asyncio.Semaphore(4)
"""Tokens that are compared at once, so that guessing is slow."""


async def form(_: web.Request) -> Page:
    """Show the form."""
    return Page("login.html", "Sign in", "", is_live=False)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Set the cookie if the token is right."""
    given = await read_form(request)
    response = web.Response(status=303, headers={"Location": "/"})
    async with COMPARISONS:
        if request.app[ACCESS].sign_in(given.get("token", ""), response):
            return response
        await asyncio.sleep(WRONG_TOKEN_DELAY_S)
    return see_other(request, "/login", "That is not the token.")


async def sign_out(_: web.Request) -> web.StreamResponse:
    """Remove the cookie."""
    response = web.Response(status=303, headers={"Location": "/login"})
    response.del_cookie(access.COOKIE_NAME, path="/")
    return response
