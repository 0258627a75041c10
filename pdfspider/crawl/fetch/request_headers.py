"""The headers of each request: the settings' own, and what a middleware, a session, a page or a seed adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.crawl.fetch.referer import Referers
from pdfspider.discovery.urls import origin_of

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.settings import BaseSettings

    from pdfspider.crawl.fetch.credentials import Credentials
    from pdfspider.frontier.entries import Entry

PROXY_HEADERS = frozenset({"Proxy-Authorization"})
"""Headers that are for the proxy."""
SAME_ORIGIN_HEADERS = PROXY_HEADERS | {"Authorization", "Cookie"}
"""Headers that another origin does not get either."""


class RequestHeaders:
    """Makes the headers; ``default`` are those of all requests, named as Scrapy names headers."""

    def __init__(self, settings: BaseSettings, credentials: Credentials) -> None:
        self.default = _default_headers(settings)
        self._credentials, self._referers = credentials, Referers(settings)

    def added(self, request: Request, entry: Entry | None, url: str, cookies: str) -> dict[str, str] | None:
        """Return the headers that a middleware, a session, a redirect or the seed adds to the default ones.

        ``entry`` is what is visited. Headers that were added for the URL of the request are sent to no other origin.
        """
        credentials = self._credentials.header(url) if entry and self._credentials else None
        referer = self._referers.header(entry.found_on, url) if entry else None
        if not request.headers and not cookies and not credentials:
            return {"Referer": referer} if referer else None
        kept_back = (
            PROXY_HEADERS if url is request.url or origin_of(url) == origin_of(request.url) else SAME_ORIGIN_HEADERS
        )
        headers = {name: value for name, value in _given(request).items() if name not in kept_back}
        if credentials:
            headers.setdefault("Authorization", credentials)
        if referer:
            headers.setdefault("Referer", referer)
        if cookies:
            given = headers.get("Cookie") or self.default.get("Cookie")
            headers["Cookie"] = f"{given}; {cookies}" if given else cookies
        return headers


def _given(request: Request) -> dict[str, str]:
    fields = request.headers
    return {_text(name): _text(b",".join(fields.getlist(name))) for name in fields}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _default_headers(settings: BaseSettings) -> dict[str, str]:
    given = settings.getdict("DEFAULT_REQUEST_HEADERS")
    headers = {name.title(): str(value) for name, value in given.items() if value is not None}
    return {**headers, "User-Agent": settings["USER_AGENT"], "Accept-Encoding": "identity"}
