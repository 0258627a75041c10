"""The connections of the HTTP transport, whose errors are problem details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.gateway.transports.http.problems import problem
from pdfspider.web import listener

if TYPE_CHECKING:
    from aiohttp import web


class Connection(listener.Connection):
    """One client's connection, whose requests keep their Content-Encoding, so that their errors can be named."""

    decompresses = False

    def refusal(self, status: int, reason: str) -> web.Response:
        """Return the problem details for a request that is not HTTP."""
        return problem(status, reason)
