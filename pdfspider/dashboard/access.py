"""Access to the dashboard: without a token for everybody on this machine, with one for whoever has shown it."""

from __future__ import annotations

import hashlib
import hmac

from aiohttp import hdrs, web

from pdfspider.web.origin_checks import SAME_SITE_VALUES, SECURITY_HEADERS, check_host, check_origin

COOKIE_NAME = "pdfspider"
COOKIE_MAX_AGE_S = 30 * 24 * 3600
PUBLIC_PATHS = ("/login", "/static/", "/healthz", "/readyz")
"""What is served without the token: paths, and the beginnings of paths."""
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
RESPONSE_HEADERS = {
    **SECURITY_HEADERS,
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "Referrer-Policy": "same-origin",
    "Vary": "Accept, Cookie",
    "X-Frame-Options": "DENY",
}
"""Headers of every response: nothing is loaded from elsewhere, no script stands in a page, nobody frames it."""


class AccessControl:
    """Refuses requests that nobody who may use the dashboard has made."""

    def __init__(self, token: str, *, secure: bool = False) -> None:
        self._token, self._secure = token, secure
        self._cookie = hmac.new(token.encode(), b"pdfspider dashboard", hashlib.sha256).hexdigest() if token else ""

    @property
    def has_token(self) -> bool:
        """True if users have to show a token."""
        return bool(self._token)

    def check(self, request: web.Request) -> None:
        """Raise web.HTTPException for a request that is refused, or web.HTTPSeeOther to the form for the token."""
        check_host(request, only_loopback=not self._token)
        if not _is_visit(request):
            check_origin(request)
        if request.method == hdrs.METH_POST and request.content_type not in FORM_TYPES:
            raise web.HTTPUnsupportedMediaType(reason="expected a form")
        if not self._is_known(request):
            if _is_visit(request) or request.headers.get("Accept", "").startswith("text/html"):
                raise web.HTTPSeeOther("/login")
            raise web.HTTPUnauthorized(reason="DASHBOARD_TOKEN is needed")

    def sign_in(self, token: str, response: web.StreamResponse) -> bool:
        """Set the cookie if this is the token, and return whether it is."""
        if not hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token.encode()):
            return False
        response.set_cookie(
            COOKIE_NAME,
            self._cookie,
            max_age=COOKIE_MAX_AGE_S,
            httponly=True,
            samesite="Strict",
            secure=self._secure,
            path="/",
        )
        return True

    def _is_known(self, request: web.Request) -> bool:
        if not self._token or request.path.startswith(PUBLIC_PATHS):
            return True
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode("utf-8", "surrogateescape")
        cookie = request.cookies.get(COOKIE_NAME, "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, f"Bearer {self._token}".encode()) or hmac.compare_digest(
            cookie, self._cookie.encode()
        )


def _is_visit(request: web.Request) -> bool:
    """Return whether a person comes to a page by a link of another site, which can read nothing of it."""
    headers = request.headers
    return (
        request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
        and headers.get("Sec-Fetch-Site", "none") not in SAME_SITE_VALUES
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
    )
