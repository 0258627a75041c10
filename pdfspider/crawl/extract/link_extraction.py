"""Make entries for the links of a page, and for the target of a redirect."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from w3lib.encoding import http_content_type_encoding

from pdfspider.crawl.extract.fallback_links import behind, may_stand_in
from pdfspider.crawl.extract.spider_requests import without_body
from pdfspider.crawl.fetch.redirects import GET_STATUSES, redirect_target
from pdfspider.crawl.policy.robots_directives import forbids_links, obeyed
from pdfspider.crawl.visit import visit_of
from pdfspider.discovery.listings import script_files
from pdfspider.discovery.listings.lists import ANY_SCOPE_TECHNIQUES, LIST_TECHNIQUES, SAME_DEPTH_TECHNIQUES
from pdfspider.discovery.markup.elements import refresh_target
from pdfspider.discovery.markup.robots_directives import REL_NOFOLLOW
from pdfspider.discovery.normal import MAX_LENGTH
from pdfspider.discovery.rules import says_pdf
from pdfspider.discovery.scope import Scope
from pdfspider.discovery.urls import canonical, fingerprint, host_of
from pdfspider.documents.head import HEAD_SIZE, Kind
from pdfspider.frontier.entries import Entry
from pdfspider.items import Hop, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from pdfspider.config import Config
    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.discovery.links import PageLinks
    from pdfspider.frontier.jobs import Job
    from pdfspider.frontier.leases import Lease
    from pdfspider.items import Capture, Link


AUTOMATIC_TECHNIQUES = frozenset(("meta-refresh", "embed", "object"))
"""Techniques for what browsers go to, or show, without anybody's doing; a frame is as often an advertisement."""


@lru_cache(maxsize=4096)
def scope_around(kind: str, anchors: str, host: str) -> Scope:
    """Return the scope of a page on ``host``, in a job whose seeds are on ``anchors``."""
    return Scope.of_seeds(kind, [f"http://{name}/" for name in (host, *anchors.split()) if name])


class ExtractedLinks(NamedTuple):
    """The links of a page, and the entries of those that are followed; ``body`` is the page they are from."""

    body: bytes
    links: PageLinks
    entries: list[Entry]


class LinkExtractor:
    """Makes entries for what pages and redirects lead to.

    ``known`` returns the hashes of the URLs that the frontier of a run knows already, ``left_out`` the hosts that a run
    leaves out, ``sitemaps`` the sitemaps that the robots.txt of a URL's host names; ``admits_redirect`` tells whether a
    run follows one more redirect out of its scope.
    """

    def __init__(
        self,
        config: Config,
        *,
        known: Callable[[int], Container[int]],
        left_out: Callable[[int], Container[str]],
        sitemaps: Callable[[str], list[str]],
        admits_redirect: Callable[[int], bool],
    ) -> None:
        self._config, self._known, self._left_out = config, known, left_out
        self._sitemaps, self._admits_redirect = sitemaps, admits_redirect

    def extract(self, lease: Lease, response: StagedResponse) -> ExtractedLinks:
        """Return the links of a page, which may take some seconds."""
        if response.extracted is None or response.extracted.body is not response.body:
            entry = lease.entry
            assert entry is not None
            found = self._find_links(entry, response)
            response.extracted = ExtractedLinks(response.body, found, self._to_follow(lease, response, found.links))
        return response.extracted

    def refreshed(self, lease: Lease, response: StagedResponse) -> list[Entry]:
        """Return the entries of what an empty answer, or a page that reports a failure, sends browsers to."""
        links = self._refresh_links(response) if "Refresh" in response.received else []
        if response.kind is Kind.HTML and b"refresh" in (head := response.body[:HEAD_SIZE]).lower():
            found = self._config.discovery.links(head, response.url)
            links += [link for link in found if link.technique == "meta-refresh"]
        if links and forbids_links(self._config, response, frozenset()):
            return []
        return self._to_follow(lease, response, links) if links else []

    def redirected(self, capture: Capture, response: StagedResponse) -> tuple[Outcome, str | None, list[Entry]]:
        """Return outcome, reason and child of a redirect to another origin, whose gate and robots.txt apply."""
        entry: Entry = capture.lease.entry
        target = redirect_target(response)
        if target is None:
            return Outcome.HTTP_ERROR, f"HTTP status {response.status} without a location", []
        if not self._config.redirects or response.request.meta.get("dont_redirect"):
            return Outcome.REDIRECT, f"to {target}, which REDIRECT_ENABLED or dont_redirect leaves out", []
        hops = (*capture.hops, Hop(response.status, response.url))
        if len(hops) > self._config.max_redirects:
            return Outcome.REDIRECT_LOOP, f"more than {self._config.max_redirects} redirects", []
        known = _redirect_fingerprint(entry, target, hops, response)
        if known is None:
            return Outcome.REDIRECT_LOOP, f"{target} was on the way already", []
        document = entry.document or says_pdf(target)
        anchors = visit_of(response.request).job.anchors
        at_home = scope_around(entry.scope, anchors, entry.host or host_of(entry.url)).contains(target) or (
            entry.technique == "seed" or entry.technique in ANY_SCOPE_TECHNIQUES or bool(entry.request)
        )
        if not (at_home or document or self._admits_redirect(capture.run)):
            most = self._config.redirects_out
            return Outcome.OUT_OF_SCOPE, f"redirects to {target}, and PDF_REDIRECTS_OUT={most} is used up", []
        # A redirect back to the sites of the seeds is followed as a link to there would be.
        back = entry.leaf and bool(anchors) and scope_around(entry.scope, anchors, "").contains(target)
        child = entry.child(
            url=target,
            fingerprint=known,
            host=host_of(target),
            hops=hops,
            request=without_body(entry.request) if any(hop.status in GET_STATUSES for hop in hops) else entry.request,
            cookies=response.cookies.carried() if response.cookies else (),
            document=document,
            leaf=not back and (entry.leaf or not at_home),
        )
        return Outcome.REDIRECT, f"to {target}", [child]

    def children(self, lease: Lease, job: Job, links: Iterable[Link], found_on: str) -> list[Entry]:
        """Return the entries of those links that are in scope and that the frontier may not know yet."""
        entry = lease.entry
        assert entry is not None
        known = self._known(lease.run)
        if left_out := self._left_out(lease.run):
            links = [link for link in links if host_of(link.url) not in left_out]
        if 0 < (limit := self._config.url_length) < MAX_LENGTH:
            links = [link for link in links if len(link.url) <= limit]
        scope = scope_around(entry.scope, job.anchors, host_of(found_on))
        return [
            _child(entry, link, scope, found_on)
            for link in links
            if hash(link.url) not in known
            and (scope.admits(link) or link.technique in ANY_SCOPE_TECHNIQUES or self._is_shown_elsewhere(lease, link))
        ]

    def _is_shown_elsewhere(self, lease: Lease, link: Link) -> bool:
        """Return whether a link out of the scope is followed, because browsers go there as they follow a redirect."""
        return link.technique in AUTOMATIC_TECHNIQUES and self._admits_redirect(lease.run)

    def _to_follow(self, lease: Lease, response: StagedResponse, links: list[Link]) -> list[Entry]:
        """Return the entries of a page's links that the frontier may not know yet."""
        entry, job = lease.entry, visit_of(response.request).job
        assert entry is not None
        if not is_followed(entry):
            stands_in = may_stand_in(entry, self._config.max_redirects)
            return behind(entry, links, response.url) if stands_in else []
        return self.children(lease, job, links, response.url)

    def _find_links(self, entry: Entry, response: StagedResponse) -> PageLinks:
        """Return the links that the rules find on a page."""
        config, kind = self._config, response.header("Content-Type")
        discovery = config.discovery
        found = discovery.find(
            response.body,
            entry.found_on or response.url if entry.technique == script_files.SCRIPT_TECHNIQUE else response.url,
            http_content_type_encoding(kind),
            content_type=kind,
            technique=entry.technique,
            headers=response.received.getall("Link", ()),
            keeps_nofollow=REL_NOFOLLOW not in obeyed(config, visit_of(response.request).job),
        )
        if "Refresh" in response.received:
            found.links.extend(self._refresh_links(response))
        if forbids_links(config, response, found.directives):
            found = found._replace(links=[], withheld=len(found.links))
        if entry.technique == "seed" and not entry.max_depth and config.sitemaps:
            found.links.extend(discovery.named("robots-sitemap", self._sitemaps(response.url), response.url))
        return found

    def _refresh_links(self, response: StagedResponse) -> list[Link]:
        """Return where the header ``Refresh`` sends browsers, as the meta element does."""
        targets = filter(None, map(refresh_target, response.received.getall("Refresh", ())))
        return self._config.discovery.named("meta-refresh", targets, response.url)


def _redirect_fingerprint(entry: Entry, target: str, hops: Sequence[Hop], response: StagedResponse) -> bytes | None:
    """Return the fingerprint of a redirect's target, None if the target was on the way already."""
    if any(canonical(hop.url) == canonical(target) for hop in hops):
        has_cookies = response.cookies and response.cookies.header(target)
        if not has_cookies or entry.fingerprint != fingerprint(entry.url):
            return None
        # With the cookies it may answer in another way: it is visited once more.
        return fingerprint(f"{target}#again")
    if entry.request.strip("{}"):
        # Its callback has to be called, whether links have led there or not.
        return fingerprint(f"{target}#{entry.fingerprint.hex()}")
    return fingerprint(target)


def is_followed(entry: Entry) -> bool:
    """Return whether the links of this entry's page are followed."""
    return not (entry.leaf or entry.sought or (entry.max_depth and entry.depth >= entry.max_depth))


def _child(parent: Entry, link: Link, scope: Scope, found_on: str) -> Entry:
    entry = Entry(
        url=link.url,
        fingerprint=fingerprint(link.url),
        host=host_of(link.url),
        depth=parent.depth + 1,
        max_depth=parent.max_depth,
        scope=parent.scope,
        priority=parent.priority,
        document=link.document,
        leaf=(link.document or link.technique in AUTOMATIC_TECHNIQUES) and not scope.contains(link.url),
        technique=link.technique,
        found_on=found_on,
        reach=parent.reach,
    )
    return _listed(parent, entry, scope) if link.technique in LIST_TECHNIQUES else entry


def _listed(parent: Entry, entry: Entry, scope: Scope) -> Entry:
    """Return the entry of a link in a list, with its depth.

    Parts of a list are as deep as the list. An index of indexes, which the protocol does not have, is deeper. A link in
    a record is followed one page deep, not as a further site.
    """
    if entry.technique in SAME_DEPTH_TECHNIQUES:
        nested = entry.technique == parent.technique == "sitemap-index"
        return entry if nested else entry.child(depth=parent.depth)
    if entry.technique == "text-list" or scope.contains(entry.url):
        return entry.child(leaf=False)
    furthest = entry.depth + 1
    return entry.child(leaf=False, max_depth=min(parent.max_depth or furthest, furthest))
