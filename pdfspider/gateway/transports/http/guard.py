"""Protect the HTTP transport: clients need the token, and web pages of other origins are refused."""

from __future__ import annotations

import hmac

from aiohttp import hdrs, web

from pdfspider.gateway.transports.http.content_encoding import content_encoding
from pdfspider.web.origin_checks import check_host, check_origin

PUBLIC_PATHS = ("/openapi.json", "/healthz", "/readyz")
"""The paths that can be read without the token."""
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


class Guard:
    """Refuses requests.

    Without a token every program that can connect is trusted, but no browser is, because any web page can make it send
    requests to loopback addresses.
    """

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode() if token else b""

    def check(self, request: web.Request) -> None:
        """Raise web.HTTPException for a request that is refused."""
        check_host(request, only_loopback=not self._expected)
        check_origin(request)
        self._check_token(request)
        self._check_content(request)

    def _check_token(self, request: web.Request) -> None:
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode("utf-8", "surrogateescape")
        if self._expected and request.path not in PUBLIC_PATHS and not hmac.compare_digest(given, self._expected):
            raise web.HTTPUnauthorized(reason="GATEWAY_TOKEN is needed")

    def _check_content(self, request: web.Request) -> None:
        """Refuse the content types of forms; without a body, any other type will do."""
        if request.method != hdrs.METH_POST:
            return
        content_encoding(request)
        kind = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
        if kind in FORM_TYPES or (request.can_read_body and kind != "application/json"):
            raise web.HTTPUnsupportedMediaType(reason="expected application/json")
