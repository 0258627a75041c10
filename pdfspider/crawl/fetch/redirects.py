"""Follow redirects within an origin, with the cookies that were set on the way."""

from __future__ import annotations

from string import printable
from typing import TYPE_CHECKING
from urllib.parse import quote

from pdfspider.crawl.fetch.errors import FetchError, RedirectsToItself
from pdfspider.discovery.urls import canonical, join, origin_of
from pdfspider.documents.head import Kind
from pdfspider.items import Hop, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request

    from pdfspider.crawl.fetch.client.transfer import Transfer
    from pdfspider.crawl.fetch.cookies import Cookies
    from pdfspider.crawl.fetch.responses import StagedResponse

REDIRECT_STATUSES = frozenset({300, 301, 302, 303, 307, 308})
"""Statuses of redirects, if there is a Location: without one browsers show what came."""


def has_content(response: Transfer) -> bool:
    """Return whether the body of a response is what browsers show: a success, or a redirect that leads nowhere."""
    return response.status < 300 or (response.status in REDIRECT_STATUSES and not response.headers.get("Location"))


def is_redirect(response: StagedResponse) -> bool:
    """Return whether a response sends the client elsewhere, or says that nothing has changed."""
    if not 300 <= response.status < 400:
        return False
    shows = response.status in REDIRECT_STATUSES and response.kind in (Kind.HTML, Kind.PDF)
    return not shows or response.header("Location") is not None


GET_STATUSES = frozenset({300, 301, 302, 303})
"""Statuses after which a POST request goes on as a GET request without a body."""


def redirected_request(request: Request, status: int) -> Request:
    """Return the request that goes on after a redirect: the same one, but for a POST that becomes a GET."""
    if request.method in ("GET", "HEAD") or status not in GET_STATUSES:
        return request
    headers = request.headers.copy()
    for name in ("Content-Type", "Content-Length", "Content-Encoding"):
        headers.pop(name, None)
    return request.replace(method="GET", body=b"", headers=headers)


def redirect_target(response: StagedResponse) -> str | None:
    """Return the normalised URL that a response redirects to, None if there is none that can be followed."""
    location = response.header("Location")
    if response.status not in REDIRECT_STATUSES or not location:
        return None
    return join(response.url, _escaped(location))


def _escaped(location: str) -> str:
    """Return a Location whose bytes are not UTF-8 with these bytes escaped, as browsers do."""
    try:
        location.encode()
    except UnicodeEncodeError:
        return quote(location.encode("utf-8", "surrogateescape"), safe=printable)
    return location


class RedirectChain:
    """The redirects of one fetch.

    ``hops`` are the redirects taken, each with the URL that gave it. ``cookies`` are those of the visit. ``within``
    returns what must not change on the way: the origin, with its robots.txt, or for a robots.txt itself the host, with
    its gate.
    """

    def __init__(
        self, url: str, limit: int, cookies: Cookies, within: Callable[[str], str] = origin_of, *, method: str = "GET"
    ) -> None:
        self.url = url
        self.hops: list[Hop] = []
        self.cookies = cookies
        self._limit, self._within = limit, within
        self._seen = {self._state(url)} if method == "GET" else set()

    def follow(self, response: StagedResponse) -> bool:
        """Go to the target if it may be followed in place, and return whether it may.

        Raises FetchError for a loop: the same URL in any spelling, with the same cookies.
        """
        self.cookies.take(self.url, response.received.getall("Set-Cookie", ()))
        target = redirect_target(response)
        if target is None or self._within(target) != self._within(self.url):
            return False
        self.hops.append(Hop(response.status, self.url))
        if len(self.hops) > self._limit:
            raise FetchError(Outcome.REDIRECT_LOOP, "too many redirects")
        state = self._state(target)
        if state in self._seen:
            raise RedirectsToItself(target)
        self._seen.add(state)
        self.url = target
        return True

    def _state(self, url: str) -> tuple[str, str]:
        return canonical(url), self.cookies.header(url)
