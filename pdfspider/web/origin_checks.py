"""Refuse requests that a web page of another origin, or a name that was made to lead here, has a browser send."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from pdfspider.web.loopback import is_loopback

SAME_SITE_VALUES = ("same-origin", "none")
"""Accepted values of Sec-Fetch-Site; "none" means that a person typed the URL."""
DEFAULT_PORTS = {"http": 80, "https": 443}
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every response."""


def check_host(request: web.Request, *, only_loopback: bool) -> None:
    """Raise web.HTTPException for a Host header that is not a host.

    With ``only_loopback`` it must be a loopback address, because other names may resolve to one.
    """
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) > 1 or (hosts and _authority(hosts[0], 80) is None):
        raise web.HTTPBadRequest(reason="the Host header is not a host")
    host = (_authority(hosts[0], 80) if hosts else None) or ("", 0)
    if only_loopback and not is_loopback(host[0]):
        raise web.HTTPForbidden(reason="the Host header is not a loopback address")


def check_origin(request: web.Request) -> None:
    """Raise web.HTTPForbidden for a request that a page of another origin has made."""
    if request.headers.get("Sec-Fetch-Site", "none") not in SAME_SITE_VALUES:
        raise web.HTTPForbidden(reason="requests from pages of another origin are refused (Sec-Fetch-Site)")
    for origin in request.headers.getall(hdrs.ORIGIN, []):
        if not _is_same(origin, request.headers.get(hdrs.HOST, "")):
            raise web.HTTPForbidden(reason="requests from pages of another origin are refused (Origin)")


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
