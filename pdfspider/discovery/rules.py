"""The rules that find links: one function for each place in which a PDF hides.

A rule is registered with its technique, a name that travels with every link that it finds. It gets an element, or the
text of the whole page, and returns a Reference for each URL in it, as written. To find links in another place, add a
function to ``elements``, ``scripts`` or ``attributes``, and its technique here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from selectolax.lexbor import LexborNode

    ElementFinder = Callable[[LexborNode], Iterable["Reference"]]
    TextFinder = Callable[[str], Iterable["Reference"]]

TECHNIQUES = frozenset(
    (
        *("a", "link-text", "iframe", "frame", "embed", "object", "form", "link", "meta-refresh"),
        *(
            "citation-pdf",
            "meta-url",
            "json-ld",
            "script-url",
            "script-src",
            "script-location",
            "data-attribute",
            "event",
            "attribute",
        ),
        *("option", "hidden-input", "text-url", "bucket", "bucket-next", "json", "json-next", "data-url"),
        *("viewer", "site", "link-header", "robots-sitemap", "sitemap-index", "sitemap", "feed"),
        *("oai-pmh", "oai-next", "cdx", "cdx-next", "text-list", "pdf-link"),
    )
)
"""Every technique that can be switched off; ``seed`` cannot."""


_NEVER_PAGES = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "woff", "woff2", "ttf", "mp3", "mp4", "avi"),
        *("mov", "webm", "zip", "gz", "tgz", "bz2", "xz", "tar", "rar", "7z", "exe", "deb", "rpm", "dmg", "iso", "jar"),
        "apk",
    )
)
_FRAMES = frozenset(("object", "embed", "iframe", "frame"))
_PROGRAM = re.compile(r"/(?:cgi[^/]*|scripts|bin|isapi)/[^/]+$", re.IGNORECASE).search


class Reference(NamedTuple):
    """A URL as it is written; ``document`` is true if its context says that it leads to a PDF."""

    href: str | None
    document: bool = False


class ElementRule(NamedTuple):
    """A rule for elements with certain tags."""

    technique: str
    find: ElementFinder


class TextRule(NamedTuple):
    """A rule for the text of the whole page, which runs only if that contains one of ``markers`` in lower case."""

    technique: str
    markers: tuple[str, ...]
    find: TextFinder


RULES: dict[str, list[ElementRule]] = {
    tag: [] for tag in ("a", "area", "iframe", "frame", "embed", "object", "param", "link", "meta")
}
"""The rules for each tag, in the order in which they are asked: what is plainly a link comes first."""

TEXT_RULES: list[TextRule] = []


def rule(technique: str, *tags: str) -> Callable[[ElementFinder], ElementFinder]:
    """Register a rule for elements with these tags."""

    def register(find: ElementFinder) -> ElementFinder:
        for tag in tags:
            RULES.setdefault(tag, []).append(ElementRule(technique, find))
        return find

    return register


def text_rule(technique: str, *markers: str) -> Callable[[TextFinder], TextFinder]:
    """Register a rule for the text of a page that contains one of the markers."""

    def register(find: TextFinder) -> TextFinder:
        TEXT_RULES.append(TextRule(technique, markers, find))
        return find

    return register


def says_pdf(url: str) -> bool:
    """Return whether the file name or a query value of ``url``, normalised or not, ends in ``.pdf``."""
    url = url.lower()
    if ".pdf" not in url:
        return False
    path, _, query = url.partition("#")[0].partition("?")
    name = path.rpartition("/")[2].partition(";")[0]
    return name.endswith(".pdf") or any(field.endswith(".pdf") for field in query.split("&"))


def never_page(url: str) -> bool:
    """Return whether the suffix of ``url`` is that of a file without links, and of no program on a server."""
    path, mark, _ = url.partition("?")
    suffix = path.rpartition(".")[2].lower()
    if suffix not in _NEVER_PAGES or (suffix == "exe" and (mark or _PROGRAM(path))):
        return False
    return not path.lower().endswith(".pdf.gz")  # which may be a PDF that the server has compressed


def may_be_page(url: str, technique: str) -> bool:
    """Return whether ``url``, which that technique has found, may lead to a page, or to a drawing with links."""
    if url.partition("?")[0].rpartition(".")[2].lower() not in _NEVER_PAGES:
        return True
    return not never_page(url) or (technique in _FRAMES and url.partition("?")[0].lower().endswith(".svg"))
