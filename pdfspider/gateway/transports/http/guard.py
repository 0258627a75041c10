"""Protect the HTTP transport: clients need the token, and web pages of other origins are refused."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from pdfspider.gateway.transports.loopback import is_loopback

OPEN = "/openapi.json"
"""The path that can be read without the token."""
OWN_SITE = ("same-origin", "none")
"""Accepted values of Sec-Fetch-Site; "none" means that a person typed the URL."""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
ENCODINGS = ("", "identity", "gzip", "deflate", "br", "zstd")
DEFAULT_PORTS = {"http": 80, "https": 443}
PROTECTION = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every response."""


class Guard:
    """Refuses requests.

    Without a token every program that can connect is trusted, but no browser is, because any web page can make it send
    requests to loopback addresses.
    """

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode() if token else b""

    def check(self, request: web.Request) -> None:
        """Raise web.HTTPException for a request that is refused."""
        self._check_host(request)
        self._check_origin(request)
        self._check_token(request)
        self._check_content(request)

    def _check_host(self, request: web.Request) -> None:
        """Without a token, refuse hosts that are not loopback addresses, because other names may resolve to one."""
        hosts = request.headers.getall(hdrs.HOST, [])
        if len(hosts) > 1 or (hosts and _authority(hosts[0], 80) is None):
            raise web.HTTPBadRequest(reason="the Host header is not a host")
        host = (_authority(hosts[0], 80) if hosts else None) or ("", 0)
        if not self._expected and not is_loopback(host[0]):
            raise web.HTTPForbidden(reason="the Host header is not a loopback address")

    def _check_origin(self, request: web.Request) -> None:
        if request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITE:
            raise web.HTTPForbidden(reason="requests from pages of another origin are refused (Sec-Fetch-Site)")
        for origin in request.headers.getall(hdrs.ORIGIN, []):
            if not _is_same(origin, request.headers.get(hdrs.HOST, "")):
                raise web.HTTPForbidden(reason="requests from pages of another origin are refused (Origin)")

    def _check_token(self, request: web.Request) -> None:
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode("utf-8", "surrogateescape")
        if self._expected and request.path != OPEN and not hmac.compare_digest(given, self._expected):
            raise web.HTTPUnauthorized(reason="GATEWAY_TOKEN is needed")

    def _check_content(self, request: web.Request) -> None:
        """Refuse the content types of forms; without a body, any other type will do."""
        if request.method != hdrs.METH_POST:
            return
        if request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower() not in ENCODINGS:
            raise web.HTTPUnsupportedMediaType(reason=f"expected a Content-Encoding of {', '.join(ENCODINGS[1:])}")
        kind = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
        if kind in FORMS or (request.can_read_body and kind != "application/json"):
            raise web.HTTPUnsupportedMediaType(reason="expected application/json")


def _is_same(origin: str, host: str) -> bool:
    """Return whether an Origin is the requested host, with any scheme, because a proxy may have spoken another."""
    scheme, separator, rest = origin.partition("://")
    default = DEFAULT_PORTS.get(scheme.lower())
    if not separator or default is None:
        return False
    asked = _authority(host, default)
    return asked is not None and _authority(rest, default) == asked


def _authority(text: str, default: int) -> tuple[str, int] | None:
    """Return host and port, None if the text is neither."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.netloc != text or "@" in text or not text.isascii():
        return None
    return host, default if port is None else port
