"""Limit the references of one page, before any of them is resolved."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from pdfspider.discovery.markup.robots_directives import PageDirectives
from pdfspider.discovery.normal import MAX_LENGTH
from pdfspider.discovery.rules import Reference, says_pdf
from pdfspider.discovery.urls import join

if TYPE_CHECKING:
    from collections.abc import Iterable

    Found = tuple[str, Reference]

BATCH_SIZE = 8_192
"""References that are taken from a rule at once."""
MAX_INTERNATIONAL_HOSTS = 1_000
"""Different host names of one page that have to be converted to ASCII."""
MIN_ELEMENTS = 250_000
ELEMENTS_PER_LINK = 5
"""Elements of a large page that are examined, per link that may be followed; at least ``MIN_ELEMENTS``."""

_AUTHORITY = re.compile(r"\s*+(?:[A-Za-z][A-Za-z0-9+.-]*+:)?+[/\\]{2,}+([^/\\?#]*+)").match


class Bounds(NamedTuple):
    """The limits of one page: the number of links that are followed, and the bytes of their URLs; 0: no limit."""

    links: int = 0
    size: int = 0

    @property
    def elements(self) -> int | None:
        """The number of elements that are examined, None for no limit."""
        return max(self.links * ELEMENTS_PER_LINK, MIN_ELEMENTS) if self.links else None


class References:
    """The references of a page in their order, each with the technique that found it.

    If there are more than the bounds allow, each reference is kept once, and those to documents come first.
    ``left_out`` counts the rest. ``directives`` decide about links with ``rel="nofollow"``.
    """

    def __init__(self, bounds: Bounds, directives: PageDirectives | None = None) -> None:
        self.found: list[Found] = []
        self.left_out = 0
        self.directives = directives or PageDirectives()
        self._bounds = bounds
        self._most = 2 * bounds.links or 1_000_000

    def append(self, technique: str, reference: Reference) -> None:
        """Add a reference."""
        self.found.append((technique, reference))
        if len(self.found) > self._most:
            self._condense()

    def cut(self, number: int = 1) -> None:
        """Note that a page or a list has more elements than are examined, at least so many."""
        self.left_out += number

    def extend(self, technique: str, references: Iterable[Reference]) -> None:
        """Add the references that a rule finds, a batch at a time."""
        remaining = iter(references)
        while batch := [(technique, reference) for reference in islice(remaining, BATCH_SIZE)]:
            self.found += batch
            if len(self.found) > self._most:
                self._condense()

    def take(self, others: References, base: str | None) -> None:
        """Add the references of a document in the page, which may have a base of its own."""
        self.left_out += others.left_out
        for technique, (href, document) in others.found:
            self.append(technique, Reference((base and href and join(base, href)) or href, document))

    def bounded(self, prefix: int) -> list[Found]:
        """Return the references that are kept; ``prefix`` is the length that a relative URL may gain."""
        links, size = self._bounds
        if links and len(self.found) > links:
            self._condense()
        if size and len(self.found) * (prefix + MAX_LENGTH) > size and self._length(prefix) > size:
            self.found.sort(key=lambda found: not _is_document(found))
        if len(self.found) > MAX_INTERNATIONAL_HOSTS:
            self._bound_hosts()
        return self.found

    def _length(self, prefix: int) -> int:
        return len(self.found) * prefix + sum(len(one[1].href or "") for one in self.found)

    def _condense(self) -> None:
        kept: dict[str, Found] = {}
        for found in self.found:
            key = _key(found[1].href)
            if key and (key not in kept or (found[1].document and not kept[key][1].document)):
                kept[key] = found
        self.found = list(kept.values())
        most = self._bounds.links
        if most and len(self.found) > most:
            self.left_out += len(self.found) - most
            self.found = sorted(self.found, key=lambda found: not _is_document(found))[:most]

    def _bound_hosts(self) -> None:
        hosts: set[str] = set()
        kept = []
        for found in self.found:
            href = found[1].href or ""
            if (not href.isascii() or "%" in href) and (host := _international_host(href)):
                if len(hosts) >= MAX_INTERNATIONAL_HOSTS and host not in hosts:
                    continue
                hosts.add(host)
            kept.append(found)
        self.left_out += len(self.found) - len(kept)
        self.found = kept


def _key(href: str | None) -> str:
    """Return what references to the same URL have in common, "" for one that leads nowhere."""
    if not href or "=" in href:
        return href or ""
    return href.partition("#")[0]


def _is_document(found: Found) -> bool:
    _, (href, document) = found
    return document or says_pdf(href or "")


def _international_host(href: str) -> str | None:
    authority = _AUTHORITY(href)
    host = authority[1] if authority else ""
    return None if host.isascii() and "%" not in host else host
