"""What a visit leads to: entries for the links of a page, and for the target of a redirect."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from w3lib.encoding import http_content_type_encoding

from pdfspider.crawl.redirects import redirect_target
from pdfspider.discovery.links import links, says_pdf
from pdfspider.discovery.scope import Scope
from pdfspider.discovery.urls import fingerprint, host_of
from pdfspider.frontier.entries import Entry
from pdfspider.items import Hop, Outcome

if TYPE_CHECKING:
    from pdfspider.crawl.responses import StagedResponse
    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.leases import Lease
    from pdfspider.items import Capture, Link


@lru_cache(maxsize=4096)
def scope_around(kind: str, anchors: str, host: str) -> Scope:
    """The scope of a page on ``host``, in a job whose seeds are on ``anchors``."""
    return Scope.of_seeds(kind, [f"http://{name}/" for name in (host, *anchors.split())])


def to_follow(worker: Worker, lease: Lease, response: StagedResponse) -> list[Entry]:
    """The entries of a page's links that the frontier may not know yet."""
    entry, job = lease.entry, response.request.meta["job"]  # type: ignore[union-attr]
    assert entry is not None
    if entry.leaf or (entry.max_depth and entry.depth >= entry.max_depth):
        return []
    known = worker.frontier.known.urls(lease.run)
    scope = scope_around(entry.scope, job.anchors, host_of(response.url))
    charset = http_content_type_encoding(response.header("Content-Type"))
    found = links(response.body, response.url, charset)
    return [
        _child(entry, link, scope, response.url) for link in found if hash(link.url) not in known and scope.admits(link)
    ]


def _child(parent: Entry, link: Link, scope: Scope, found_on: str) -> Entry:
    return Entry(
        url=link.url,
        fingerprint=fingerprint(link.url),
        host=host_of(link.url),
        depth=parent.depth + 1,
        max_depth=parent.max_depth,
        scope=parent.scope,
        priority=parent.priority,
        document=link.document,
        leaf=link.document and not scope.contains(link.url),
        technique=link.technique,
        found_on=found_on,
    )


def redirected(worker: Worker, capture: Capture, response: StagedResponse) -> tuple[Outcome, str | None, list[Entry]]:
    """Outcome, reason and child of a redirect that leads to another origin: its gate and its robots.txt apply there."""
    entry: Entry = capture.lease.entry
    target = redirect_target(response)
    if target is None:
        return Outcome.HTTP_ERROR, f"HTTP status {response.status} without a location", []
    hops = (*capture.hops, Hop(response.status, response.url))
    if len(hops) > worker.config.max_redirects:
        return Outcome.REDIRECT_LOOP, f"more than {worker.config.max_redirects} redirects", []
    if any(hop.url == target for hop in hops):
        return Outcome.REDIRECT_LOOP, f"{target} was on the way already", []
    document = entry.document or says_pdf(target)
    anchors = response.request.meta["job"].anchors  # type: ignore[union-attr]
    inside = scope_around(entry.scope, anchors, entry.host or host_of(entry.url)).contains(target)
    if not (inside or document or entry.technique == "seed"):
        return Outcome.OUT_OF_SCOPE, f"redirects to {target}", []
    child = entry.child(
        url=target,
        fingerprint=fingerprint(target),
        host=host_of(target),
        hops=hops,
        document=document,
        leaf=entry.leaf or (not inside and entry.technique != "seed"),
    )
    return Outcome.REDIRECT, f"to {target}", [child]
