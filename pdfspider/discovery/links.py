"""Find the links of pages and of other resources that lead to PDFs."""

from __future__ import annotations

from operator import length_hint
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from pdfspider.discovery import data_urls
from pdfspider.discovery.bounds import Bounds, References
from pdfspider.discovery.listings.lists import SAME_DEPTH_TECHNIQUES, list_reader, unpacked
from pdfspider.discovery.markup import elements, encoded, forms, scripts
from pdfspider.discovery.markup.attributes import opened_by
from pdfspider.discovery.markup.decoding import decode, lowered
from pdfspider.discovery.markup.flattening import LARGE_SIZE, slices, trees_of, with_end_tags
from pdfspider.discovery.markup.headers import linked
from pdfspider.discovery.markup.nesting import MAX_DEPTH, NestedDocument, documents_in
from pdfspider.discovery.markup.robots_directives import LINK_ELEMENTS, NOFOLLOW_MARKER, PageDirectives
from pdfspider.discovery.markup.viewers import paths_in_query, shown_by
from pdfspider.discovery.normal import MAX_LENGTH, without_fragment
from pdfspider.discovery.platforms import listing_url
from pdfspider.discovery.rules import RULES, TECHNIQUES, TEXT_RULES, Reference, TextRule, may_be_page, says_pdf
from pdfspider.discovery.sites import Sites
from pdfspider.discovery.urls import join
from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Set

    from selectolax.lexbor import LexborHTMLParser

    Found = Iterator[tuple[str, Reference]]

_SCRIPT = "javascript:"
_NESTED = 3
_RULE_MODULES = (elements, encoded, forms, scripts)
"""They register their rules."""
_UNBOUNDED = Bounds()


class PageLinks(NamedTuple):
    """The links of a page; ``left_out`` counts those beyond the bounds on a page.

    ``directives`` are those of its meta elements for robots. ``nofollow`` counts its links with ``rel="nofollow"``,
    ``withheld`` those that a directive keeps from being followed.
    """

    links: list[Link]
    left_out: int = 0
    directives: Set[str] = frozenset()
    nofollow: int = 0
    withheld: int = 0


class Discovery:
    """Finds links with every technique that is not switched off, and with the rules for single sites."""

    def __init__(
        self,
        off: Iterable[str] = (),
        site_rules: Mapping[str, object] | None = None,
        bounds: Bounds = _UNBOUNDED,
        robot_names: frozenset[str] = frozenset(),
    ) -> None:
        """Register the rules; ``robot_names`` are the names by which meta elements address this crawler.

        Raises ConfigurationError for an unknown technique, and for a rule that cannot be used.
        """
        self._off, self._bounds, self._robot_names = frozenset(off), bounds, robot_names
        if unknown := self._off - TECHNIQUES:
            names = ", ".join(sorted(TECHNIQUES))
            raise ConfigurationError(f"PDF_TECHNIQUES_OFF: {min(unknown)!r} is no technique; there are {names}")
        rules = {tag: [rule for rule in found if rule.technique not in self._off] for tag, found in RULES.items()}
        self._rules = {tag: found for tag, found in rules.items() if found}
        self._text_rules: dict[tuple[str, ...], list[TextRule]] = {}
        for rule in TEXT_RULES:
            if rule.technique not in self._off:
                self._text_rules.setdefault(rule.markers, []).append(rule)
        self._sites = Sites(site_rules)

    def links(
        self,
        body: bytes | str,
        base_url: str,
        encoding: str | None = None,
        *,
        content_type: str | None = None,
        technique: str | None = None,
        headers: Iterable[str] = (),
    ) -> list[Link]:
        """Return the links of the resource at ``base_url``, as ``find`` does."""
        found = self.find(body, base_url, encoding, content_type=content_type, technique=technique, headers=headers)
        return found.links

    def find(
        self,
        body: bytes | str,
        base_url: str,
        encoding: str | None = None,
        *,
        content_type: str | None = None,
        technique: str | None = None,
        headers: Iterable[str] = (),
        keeps_nofollow: bool = True,
    ) -> PageLinks:
        """Return the links of the resource at ``base_url``, each URL once, without the page itself.

        The links of a tag are in their order. If there are more than the bounds allow, those to documents come first.

        ``encoding`` is the charset of the Content-Type header, if it has one. ``technique`` is the one that found the
        page. ``headers`` are the values of its ``Link`` headers. Links with ``rel="nofollow"`` are among them if
        ``keeps_nofollow``. Never raises, whatever the body.
        """
        html, encoding = decode(unpacked(body) if isinstance(body, bytes) else body, encoding)
        if content_type and "xhtml" in content_type.lower():
            html = with_end_tags(html)
        known = list_reader(html, content_type, technique)
        directives = PageDirectives(self._robot_names, keeps_nofollow=keeps_nofollow)
        listed, references = References(self._bounds), References(self._bounds, directives)
        if known is None:
            found = self._of_page(references, html, base_url, encoding, headers, begins=technique == "seed")
            return PageLinks(_once(found, base_url), references.left_out, *directives.summary())
        for name, reference in known.read(html, base_url, listed.cut):
            if name not in self._off:
                listed.append(name, reference)
        found = self._of_page(references, known.html(html), base_url, encoding, headers)
        links = _once((*self._taken(listed, base_url, encoding), *found), base_url)
        return PageLinks(links, listed.left_out + references.left_out, *directives.summary())

    def named(self, technique: str, uris: Iterable[str], base_url: str) -> list[Link]:
        """Return the links for URIs that are named outside of a page, such as in a PDF or a robots.txt.

        ``base_url`` is the URL of that document.
        """
        if technique in self._off:
            return []
        return _once(self._resolved(((technique, Reference(uri)) for uri in uris), base_url, "utf-8"), base_url)

    def _of_page(
        self,
        references: References,
        html: str,
        base_url: str,
        encoding: str,
        headers: Iterable[str],
        *,
        begins: bool = False,
    ) -> list[Link]:
        found = list(self._resolved(self._around(html, base_url, headers), base_url, encoding))
        if html:
            base = self._within(references, html, base_url, begins=begins)
            found += self._taken(references, (base and join(base_url, base)) or base_url, encoding)
            if data_urls.TECHNIQUE not in self._off:
                found += data_urls.links_in(html, base_url)
        return found

    def _taken(self, references: References, base: str, encoding: str) -> Iterator[Link]:
        """Resolve the references, as far as the bound on the size of all URLs allows."""
        found, most = references.bounded(len(base)), self._bounds.size
        if not most or len(found) * MAX_LENGTH <= most:
            return self._resolved(found, base, encoding)
        return self._resolved_within(most, references, base, encoding)

    def _resolved_within(self, most: int, references: References, base: str, encoding: str) -> Iterator[Link]:
        remaining, size = iter(references.found), 0
        for link in self._resolved(remaining, base, encoding):
            size += len(link.url)
            if size > most:
                references.left_out += 1 + length_hint(remaining)
                return
            yield link

    def _around(self, html: str, base_url: str, headers: Iterable[str]) -> Found:
        """Return the references in a page's own URL, its headers and the rules for its site."""
        if headers and "link-header" not in self._off:
            for reference in linked(headers):
                yield "link-header", reference
        page = join(base_url, base_url)
        if page and "site" not in self._off:
            for url in self._sites.found_at(page, html):
                yield "site", Reference(url, document=True)
            if listing := listing_url(page, html):
                yield "json-next", Reference(listing)
        if "viewer" not in self._off and "?" in base_url:
            for reference in paths_in_query(base_url):
                yield "viewer", reference
        if "viewer" not in self._off and (shown := shown_by(base_url)):
            yield "viewer", shown.reference

    def _within(self, references: References, html: str, url: str, *, begins: bool, depth: int = 0) -> str | None:
        """Collect the references in a page and in the documents within it.

        Return its base: the first one that has an address. ``url`` is what that is relative to.
        """
        base, large = None, len(html) > LARGE_SIZE
        inner = list[NestedDocument]()
        nests, directives = depth < MAX_DEPTH, references.directives
        whole = "" if large else lowered(html)
        marked = NOFOLLOW_MARKER in whole or (large and any(NOFOLLOW_MARKER in lowered(part) for part in slices(html)))
        for tree in trees_of(html, self._bounds.elements, references.cut):
            base = elements.base_of(tree) if base is None else base
            if not depth:
                directives.read(tree)
            if nests:
                inner += documents_in(tree)
            self._by_elements(references, tree, begins=begins, large=large, marked=marked)
            if not (depth or large) and "script-src" not in self._off and not elements.has_links(references.found):
                references.extend("script-src", elements.loaded_scripts(tree))
        for document in inner:
            within = References(self._bounds, directives)
            own = self._within(within, document.html, url, begins=False, depth=depth + 1)
            outer = (base and join(url, base)) or url
            references.take(within, join(outer, own) if own is not None and document.has_base else None)
        for part in slices(html):
            text = whole or lowered(part)
            says_pdf_at_all = "pdf" in text
            for markers, rules in self._text_rules.items():
                if (says_pdf_at_all or "pdf" not in markers[0]) and any(map(text.__contains__, markers)):
                    for technique, _, find_in in rules:
                        references.extend(technique, find_in(part))
        return base

    def _by_elements(
        self, references: References, tree: LexborHTMLParser, *, begins: bool, large: bool, marked: bool
    ) -> None:
        objects = False
        for tag, rules in self._rules.items():  # a CSS selector costs 60 µs for each tree
            if (tag == "param" and not objects) or not (named := tree.tags(tag)):
                continue
            objects = objects or tag == "object"
            if marked and tag in LINK_ELEMENTS:
                named = references.directives.admitted(named)
            for technique, find in rules:
                if technique == "feed" and not begins:  # a blog has one for the comments on each of its pages
                    continue
                if large:
                    references.extend(technique, (one for element in named for one in find(element)))
                else:
                    references.found += [(technique, one) for element in named for one in find(element)]

    def _resolved(
        self, found: Iterable[tuple[str, Reference]], base: str, encoding: str, nested: int = _NESTED
    ) -> Iterator[Link]:
        rules_of, off = self._sites.of_authority, self._off
        for technique, (href, hinted) in found:
            if not href or (len(href) > MAX_LENGTH and not (href := without_fragment(href))):
                continue
            url = join(base, href, encoding)
            if url is None or "=" in href or href.find("://", 8) > 0 or ("#" in href and ".pdf" in href.lower()):
                inner, alone = self._carried(href, url or base, encoding, nested)
                yield from inner
                if alone:
                    continue
            if url is None:
                continue
            document = hinted or says_pdf(url)
            if document or technique in SAME_DEPTH_TECHNIQUES or may_be_page(url, technique):
                yield Link(url, technique, document)
                if rules_of(url.split("/", 3)[2]) is not None and "site" not in off:
                    yield from self._rewritten(url)

    def _carried(self, href: str, base: str, encoding: str, nested: int) -> tuple[list[Link], bool]:
        """Return the links that a URL carries, and whether the URL itself is useless.

        A script may open scripts ``nested`` deep, each of which is read in more than one way.
        """
        if href[: len(_SCRIPT)].lower() == _SCRIPT and "event" not in self._off:
            found = dict.fromkeys(opened_by(unquote(href[len(_SCRIPT) :]))) if nested else ()
            return list(self._resolved((("event", one) for one in found), base, encoding, nested - 1)), True
        shown = shown_by(href) if "viewer" not in self._off else None
        url = join(base, shown.reference.href or "", encoding) if shown else None
        if shown is None or url is None:
            return [], False
        return [Link(url, "viewer", shown.reference.document or says_pdf(url)), *self._rewritten(url)], shown.alone

    def _rewritten(self, url: str) -> list[Link]:
        if "site" in self._off:
            return []
        found = (join(url, twin) for twin in self._sites.rewritten(url))
        return [Link(twin, "site", document=True) for twin in found if twin and twin != url]


_EVERYTHING = Discovery()


def links(body: bytes | str, base_url: str, encoding: str | None = None) -> list[Link]:
    """Return the links of the page at ``base_url`` by every technique."""
    return _EVERYTHING.links(body, base_url, encoding)


def _once(found: Iterable[Link], base_url: str) -> list[Link]:
    """Return each URL once: its first link, or a later one that says that it leads to a PDF."""
    page = join(base_url, base_url)
    kept: dict[str, Link] = {}
    for link in found:
        known = kept.get(link.url)
        if (known is None or (link.document and not known.document)) and link.url != page:
            kept[link.url] = link
    return list(kept.values())
