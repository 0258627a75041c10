"""Find a document behind a page that replaces it, or a fresh link for an expired one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.discovery.signed_urls import EXPIRED_STATUSES, is_signed, unsigned
from pdfspider.discovery.urls import fingerprint, host_of
from pdfspider.items import Hop

if TYPE_CHECKING:
    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.frontier.entries import Entry
    from pdfspider.items import Capture, Link

MAX_DOCUMENTS = 5
"""Documents that a page may lead to and still stand for one of them; one with more is a list of other documents."""
SHOWN_TECHNIQUES = frozenset(("meta-refresh", "iframe", "frame", "embed", "object", "script-location"))
"""Techniques for what a page shows, or where it sends its visitors."""
MAX_HOPS = 8
"""Hops on the way to a document, after which pages that replace it are not followed."""
FIRST_PRIORITY = 127
"""The priority of a fresh link, which will expire as the one before it did."""


def may_stand_in(entry: Entry, limit: int) -> bool:
    """Return whether a page is followed because it was returned instead of a document.

    It is not followed at the last of the ``limit`` hops on the way to the document, or of ``MAX_HOPS``.
    """
    return (entry.document or bool(entry.sought)) and len(entry.hops) < min(limit, MAX_HOPS)


def behind(entry: Entry, found: list[Link], page: str) -> list[Entry]:
    """Return the entries of those links that lead from such a page to its document."""
    if entry.sought:
        found = [link for link in found if unsigned(link.url) == entry.sought][:1]
    else:
        found = [link for link in found if link.document or link.technique in SHOWN_TECHNIQUES]
    return [_child(entry, link, page) for link in found] if len(found) <= MAX_DOCUMENTS else []


def _child(entry: Entry, link: Link, page: str) -> Entry:
    return entry.child(
        url=link.url,
        fingerprint=fingerprint(link.url),
        host=host_of(link.url),
        depth=entry.depth + 1,
        priority=FIRST_PRIORITY if entry.sought else entry.priority,
        document=True,
        leaf=True,
        technique=link.technique,
        found_on=page,
        hops=(*entry.hops, Hop(200, page)),
        cookies=(),
    )


def fresh_link(capture: Capture, response: StagedResponse) -> list[Entry]:
    """Return the entry that derives a refused signed link again, by visiting its page again, once."""
    entry: Entry = capture.lease.entry
    source = entry.hops[0].url if entry.hops else entry.found_on
    if (
        response.status not in EXPIRED_STATUSES
        or not source
        or entry.sought
        or not is_signed(entry.url, document=entry.document)
    ):
        return []
    sought = unsigned(entry.url)
    again = entry.child(
        url=source,
        fingerprint=fingerprint(f"{source}#{sought}"),
        host=host_of(source),
        depth=max(entry.depth - 1, 0),
        priority=FIRST_PRIORITY,
        document=True,
        leaf=False,
        found_on=entry.url,
        hops=(),
        cookies=(),
        sought=sought,
    )
    return [again]
