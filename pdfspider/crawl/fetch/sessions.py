"""The cookies of a worker's jobs: each job has a jar for each site, and goes back for cookies that it lacks."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING

from pdfspider.crawl.fetch.cookies import Cookies
from pdfspider.crawl.fetch.redirects import REDIRECT_STATUSES, redirect_target
from pdfspider.discovery.hosts import registered_domain
from pdfspider.discovery.rules import says_pdf
from pdfspider.discovery.signed_urls import has_session, is_signed, without_session
from pdfspider.discovery.urls import canonical, host_of
from pdfspider.documents.head import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.frontier.entries import Entry
    from pdfspider.items import Link

MAX_JARS = 2_000
"""Jars that a worker keeps; of the site that was visited the longest time ago it forgets the cookies."""
MAX_HOSTS = 10_000
MAX_FAILURES = 3
"""Times in a row that further cookies have not helped at a host, after which a job does not go back for them."""
REFUSED_STATUSES = (401, 403)
_BY_SCRIPT = re.compile(
    rb"""document\.cookie\s*=\s*["'`]([^"'`\r\n]{1,1024}+)["'`](?!\s*\+)
    |(?:[Cc]ookies?\.set|setCookie|\$\.cookie)\(\s*["']([^"'\r\n]{1,128}+)["']\s*,\s*["']([^"'\r\n]{1,1024}+)["']""",
    re.VERBOSE,
).finditer
_GOES_ON = re.compile(rb"location\s*(?:=|\.\s*(?:reload|replace|assign|href))|\.submit\(").search
MAX_CHECK_SIZE = 16 * 1024
"""Bytes of a page that does nothing but set a cookie and go on."""


class Sessions:
    """The cookies that hosts have set, by job and site; ``enabled`` is COOKIES_ENABLED."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._jars: OrderedDict[tuple[int, str], Cookies] = OrderedDict()
        self._failures: OrderedDict[tuple[int, str], int] = OrderedDict()

    def header(self, run: int, url: str, visit: Cookies | None = None) -> str:
        """Return the Cookie header of a job's request; empty where there is none.

        The cookies of its ``visit``, which may have been set elsewhere, count before those of the job.
        """
        own = visit.header(url) if visit else ""
        if not self._jars:
            return own
        jar = self._jars.get((run, registered_domain(host_of(url))))
        kept = jar.header(url) if jar else ""
        if not own or not kept:
            return own or kept
        names = {pair.partition("=")[0] for pair in own.split("; ")}
        return "; ".join([own, *(pair for pair in kept.split("; ") if pair.partition("=")[0] not in names)])

    def take(self, run: int, url: str, set_cookies: Iterable[str]) -> None:
        """Take the Set-Cookie headers of an answer from ``url``."""
        if not self._enabled:
            return
        key = run, registered_domain(host_of(url))
        self._jars.setdefault(key, Cookies()).take(url, set_cookies)
        self._jars.move_to_end(key)
        if len(self._jars) > MAX_JARS:
            self._jars.popitem(last=False)

    def may_help(self, run: int, host: str) -> bool:
        """Return whether further cookies may be of use to a job at a host."""
        return self._enabled and self._failures.get((run, host), 0) < MAX_FAILURES

    def note(self, run: int, host: str, *, helped: bool) -> None:
        """Note whether further cookies have helped."""
        key = run, host
        self._failures[key] = 0 if helped else self._failures.get(key, 0) + 1
        self._failures.move_to_end(key)
        if len(self._failures) > MAX_HOSTS:
            self._failures.popitem(last=False)


def set_by_script(entry: Entry, response: StagedResponse) -> list[str]:
    """Return the cookies that a page sets by a script, written out in it, before it goes on to what was asked for."""
    if response.kind is not Kind.HTML or response.file or response.body_size > MAX_CHECK_SIZE:
        return []
    body = response.body
    if b"ookie" not in body or not (entry.document or says_pdf(entry.url) or _GOES_ON(body)):
        return []
    pairs = (match[1] or b"%s=%s; path=/" % (match[2], match[3]) for match in _BY_SCRIPT(body))
    return [pair.decode("latin-1") for pair in pairs]


def is_refused(entry: Entry, response: StagedResponse, *, new_cookies: bool) -> bool:
    """Return whether a server answers so to a client that lacks cookies.

    Such an answer is a refusal, or a redirect that leads back to the page with the link, to a page in the place of a
    document, or over a place that has set cookies.
    """
    if response.status in REFUSED_STATUSES:  # a signed link that is refused is derived again
        return "WWW-Authenticate" not in response.received and not is_signed(entry.url, document=False)
    if response.status in REDIRECT_STATUSES:
        return _is_page_of(entry, redirect_target(response))
    if not response.hops or response.kind is not Kind.HTML:
        return False
    return new_cookies or entry.document or says_pdf(entry.url) or _is_page_of(entry, response.url)


def of_this_session(entry: Entry, links: Iterable[Link]) -> str | None:
    """Return the one link of its page that leads to what an entry does, and carries another session; None if none."""
    form = without_session(entry.url)
    if not has_session(entry.url):
        return None
    found = {link.url for link in links if link.url != entry.url and without_session(link.url) == form}
    return found.pop() if len(found) == 1 else None


def _is_page_of(entry: Entry, url: str | None) -> bool:
    return bool(url and entry.found_on) and canonical(str(url)) == canonical(str(entry.found_on))
