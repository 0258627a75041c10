"""Redirects within an origin: followed in place, with the cookies that were set on the way."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

from pdfspider.crawl.errors import FetchError
from pdfspider.discovery.urls import join, origin_of
from pdfspider.items import Hop, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdfspider.crawl.responses import StagedResponse

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def redirect_target(response: StagedResponse) -> str | None:
    """The normalised URL that a response redirects to; None if it does not, or to nothing that can be followed."""
    location = response.header("Location")
    if response.status not in REDIRECTS or not location:
        return None
    return join(response.url, location)


class RedirectChain:
    """Where one fetch stands. ``hops`` are the redirects taken, each with the URL that gave it.

    ``within`` tells what must not change on the way: the origin, with its one robots.txt, or for a robots.txt itself
    the host, with its one gate.
    """

    def __init__(self, url: str, limit: int, within: Callable[[str], str] = origin_of) -> None:
        self.url = url
        self.hops: list[Hop] = []
        self._limit, self._within = limit, within
        self._cookies: SimpleCookie = SimpleCookie()
        self._seen = {(url, "")}

    def follow(self, response: StagedResponse) -> bool:
        """Moves on to the target if it may be followed in place. Raises FetchError for a loop."""
        target = redirect_target(response)
        if target is None or self._within(target) != self._within(self.url):
            return False
        for header in response.received.getall("Set-Cookie", ()):
            self._cookies.load(header)
        self.hops.append(Hop(response.status, self.url))
        if len(self.hops) > self._limit:
            raise FetchError(Outcome.REDIRECT_LOOP, f"more than {self._limit} redirects")
        state = (target, self.cookie_header())
        if state in self._seen:
            raise FetchError(Outcome.REDIRECT_LOOP, f"{target} redirects to itself")
        self._seen.add(state)
        self.url = target
        return True

    def cookie_header(self) -> str:
        return "; ".join(f"{name}={cookie.coded_value}" for name, cookie in self._cookies.items())
