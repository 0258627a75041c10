"""Users and passwords for web servers, each sent to one origin or domain only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.downloadermiddlewares.httpauth import HttpAuthMiddleware
from scrapy.exceptions import NotConfigured
from w3lib.http import basic_auth_header

from pdfspider.discovery.normal import userinfo_of
from pdfspider.discovery.urls import normalise, origin_of
from pdfspider.exceptions import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from scrapy.crawler import Crawler


class Credentials:
    """The users and passwords of this worker's seeds, by origin.

    They are sent to these origins only.
    """

    def __init__(self) -> None:
        self._headers: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._headers)

    def learn(self, urls: Iterable[str]) -> None:
        """Store the userinfo of seeds, and skip invalid URLs, which are reported elsewhere."""
        for url in urls:
            user, password = userinfo_of(url) if "@" in url else ("", "")
            if user or password:
                try:
                    origin = origin_of(normalise(url))
                except InvalidInput:
                    continue
                self._headers[origin] = basic_auth_header(user, password, "utf-8").decode("ascii")

    def header(self, url: str) -> str | None:
        """Return the Authorization header for a normalised URL."""
        return self._headers.get(origin_of(url))


class HttpAuth(HttpAuthMiddleware):
    """Scrapy's middleware, which costs nothing if it is not used."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Raise ConfigurationError if HTTPAUTH_DOMAIN is missing."""
        used = any(crawler.settings.get(name) for name in ("HTTPAUTH_USER", "HTTPAUTH_PASS"))
        if not used and not hasattr(crawler.spidercls, "http_user"):
            raise NotConfigured
        try:
            return super().from_crawler(crawler)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
