"""Where links hide in a page's elements: one rule, one function.

A rule is registered with its technique, the name that travels with every link it finds, and the tags that it looks at.
It gets an element and yields a Reference for each URL in it, as written. To find links in a further place, add a
function here; nothing else has to change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selectolax.lexbor import LexborNode

_PAGE_RELATION = re.compile(
    r"(?<!\S)(?:alternate|appendix|bookmark|canonical|chapter|contents|copyright|first|glossary|help|home|index|last"
    r"|license|next|prev|previous|section|start|subsection|toc|top|up)(?!\S)"
).search
_RESOURCE_RELATION = re.compile(r"(?<!\S)(?:stylesheet|icon)(?!\S)").search
_READABLE = frozenset(("", "text/html", "application/xhtml+xml", "application/pdf"))
_DOCUMENT_METAS = frozenset(
    ("citation_pdf_url", "bepress_citation_pdf_url", "wkhealth_pdf_url", "eprints.document_url")
)
_REFRESH = re.compile(r"\s*+[0-9.]*+(?:\s*+[;,]|\s)\s*+(?:url\s*+=\s*+)?+(.+)", re.IGNORECASE | re.DOTALL).fullmatch


class Reference(NamedTuple):
    """A URL as an element writes it; ``document`` where the element itself says that it leads to a PDF."""

    href: str | None
    document: bool = False


class Rule(NamedTuple):
    technique: str
    find: Callable[[LexborNode], Iterator[Reference]]


RULES: dict[str, list[Rule]] = {}
"""The rules for each tag."""


def rule(technique: str, *tags: str) -> Callable[[Callable[[LexborNode], Iterator[Reference]]], None]:
    def register(find: Callable[[LexborNode], Iterator[Reference]]) -> None:
        for tag in tags:
            RULES.setdefault(tag, []).append(Rule(technique, find))

    return register


@rule("a", "a", "area")
def anchors(element: LexborNode) -> Iterator[Reference]:
    attributes = element.attributes
    saved_as_pdf = (attributes.get("download") or "").lower().endswith(".pdf")
    yield Reference(attributes.get("href"), saved_as_pdf or _type(attributes) == "application/pdf")


@rule("iframe", "iframe")
def iframes(element: LexborNode) -> Iterator[Reference]:
    yield Reference(element.attributes.get("src"))


@rule("frame", "frame")
def frames(element: LexborNode) -> Iterator[Reference]:
    yield Reference(element.attributes.get("src"))


@rule("embed", "embed")
def embeds(element: LexborNode) -> Iterator[Reference]:
    attributes = element.attributes
    yield Reference(attributes.get("src"), _type(attributes) == "application/pdf")


@rule("object", "object")
def objects(element: LexborNode) -> Iterator[Reference]:
    attributes = element.attributes
    yield Reference(attributes.get("data"), _type(attributes) == "application/pdf")


@rule("link", "link")
def related_pages(element: LexborNode) -> Iterator[Reference]:
    """Pages that belong together, and the same page as a PDF; no feeds and nothing that a page needs to be shown."""
    attributes = element.attributes
    relation = (attributes.get("rel") or "").lower()
    kind = _type(attributes)
    if _PAGE_RELATION(relation) and not _RESOURCE_RELATION(relation) and kind in _READABLE:
        yield Reference(attributes.get("href"), kind == "application/pdf")


@rule("meta-refresh", "meta")
def refreshes(element: LexborNode) -> Iterator[Reference]:
    attributes = element.attributes
    if (attributes.get("http-equiv") or "").strip().lower() != "refresh":
        return
    target = _REFRESH(attributes.get("content") or "")
    if target:
        yield Reference(_unquoted(target[1]))


@rule("citation-pdf", "meta")
def citations(element: LexborNode) -> Iterator[Reference]:
    """What publishers tell Google Scholar: https://scholar.google.com/intl/en/scholar/inclusion.html."""
    attributes = element.attributes
    name = attributes.get("name") or attributes.get("property") or ""
    if name.strip().lower() in _DOCUMENT_METAS:
        yield Reference(attributes.get("content"), document=True)


def _type(attributes: dict[str, str | None]) -> str:
    return (attributes.get("type") or "").partition(";")[0].strip().lower()


def _unquoted(target: str) -> str:
    quote = target[0]
    return target[1:].partition(quote)[0] if quote in "\"'" else target
