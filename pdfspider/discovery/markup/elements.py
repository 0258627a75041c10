"""The rules for elements."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from pdfspider.discovery.rules import Reference, rule, says_pdf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborHTMLParser, LexborNode

    Attributes = dict[str, str | None]

_PAGE_RELATION = re.compile(
    r"(?<!\S)(?:alternate|appendix|bookmark|canonical|chapter|contents|copyright|first|glossary|help|home|index|item"
    r"|last|license|next|prev|previous|section|start|subsection|toc|top|up)(?!\S)"
).search
_RESOURCE_RELATION = re.compile(r"(?<!\S)(?:stylesheet|icon)(?!\S)").search
_READABLE = frozenset(("", "text/html", "application/xhtml+xml"))
_FEED_TYPES = frozenset(
    ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/opds+json", "text/x-opml")
)
_PDF_TYPES = frozenset(
    ("application/pdf", "application/x-pdf", "application/acrobat", "applications/vnd.pdf", "text/pdf")
)
_DOCUMENT_METAS = frozenset(
    ("citation_pdf_url", "bepress_citation_pdf_url", "wkhealth_pdf_url", "eprints.document_url")
)
_URL_META = re.compile(
    r"(?:dc|dcterms|og|twitter|prism|citation|eprints)[.:_]|(?:content|download|embed)?url\Z|associatedmedia\Z|encoding\Z"
).match
_MEDIA_PROPERTIES = frozenset(("contenturl", "downloadurl", "embedurl"))
_REFRESH = re.compile(r"\s*+[0-9.]*+(?:\s*+[;,]|\s)\s*+(?:url\s*+=\s*+)?+(.+)", re.IGNORECASE | re.DOTALL).fullmatch
_OBJECT_PARAMETERS = frozenset(("src", "movie", "file", "data", "filename", "url"))
_ROOTED = re.compile(r"\s*+(?:https?:)?/", re.IGNORECASE).match
_EMPTY_FRAME = re.compile(r"\s*+(?:about:|javascript:|data:(?!application)|\Z)", re.IGNORECASE).match
_LAZY = ("data-src", "data-lazy-src", "data-lazy", "data-original", "data-url", "data-litespeed-src")
"""Attributes with the URL of a frame that is loaded lazily."""
_CLICKED = re.compile(r"data-[\w-]{0,40}?(?:url|href|link|file|src|path|download|pdf|document)\Z").match
"""Matches attributes with the URL that a script opens when a link without a URL, or a button, is clicked."""
_LEADS_NOWHERE = re.compile(
    r"#|javascript:(?:\s|;|/\*[^*]{0,99}\*/|//|void\b|false\b|undefined\b|[()0])*+\Z", re.IGNORECASE
).match
_WRITES_LINKS = re.compile(
    r"[\w.-]{0,20}(?:menu|(?<![a-z])(?:nav|toc|docs?|files?|links|list|pdfs?)(?![a-z])|documents|downloads|publi)"
    r"[\w.-]{0,20}\.js\Z",
    re.IGNORECASE,
).match
_LIBRARY = re.compile(
    r"jquery|bootstrap|polyfill|modernizr|analytics|gtm|gtag|recaptcha|/wp-(?:includes|content)/|pdf(?:\.worker|\.min|js|object|\.js)"
    r"|require|react(?:-dom)?[.@]|vue[.@]|angular[.@]|lodash|font-?awesome|consent|cookie",
    re.IGNORECASE,
).search
_IS_SCRIPT = re.compile(r"[^?#]+\.m?js(?:[?#]|\Z)", re.IGNORECASE).match
MAX_SCRIPTS = 5
"""Scripts of an application's page that are read."""
_NOTHING: tuple[Reference, ...] = ()

# "PDF", "Download PDF", "Als PDF ansehen (1,2 MB)", "Full text [pdf, 12 pages]"; not "How to make a PDF".
_LONGEST_OFFER = 60
_OFFER = re.compile(r"\W*(?:pdf\b.{0,24}|.{0,24}\bpdf)\W*(?:[(\[,:|/\u2013-].{0,24})?", re.DOTALL).fullmatch
_NO_OFFER = re.compile(
    r"reader|viewer|convert|editor|creat|software|plug-?in|tool|merge|\b(?:how|why|what|about)\b"
).search


@rule("a", "a", "area")
def anchors(element: LexborNode) -> Iterable[Reference]:
    """Find the target of a link."""
    attributes = element.attributes
    href = attributes.get("href") or attributes.get("xlink:href")
    if not href or (href[0] in "#jJ" and _LEADS_NOWHERE(href)):
        return _clicked(attributes)
    if "download" not in attributes and "type" not in attributes:
        return (Reference(href),)
    saved_as_pdf = (attributes.get("download") or "").lower().endswith(".pdf")
    return (Reference(href, saved_as_pdf or _type(attributes) in _PDF_TYPES),)


def _clicked(attributes: Attributes) -> list[Reference]:
    found = (value for name, value in attributes.items() if value and "/" in value and _CLICKED(name))
    return [Reference(value) for value in found if value[0] not in "{[<"]


@rule("link-text", "button")
def button_offers(element: LexborNode) -> Iterable[Reference]:
    """Find what a script opens when a button is clicked that offers a PDF."""
    found = _clicked(element.attributes)
    return found if found and offers_pdf(element.text() or _label(element)) else _NOTHING


@rule("link-text", "a", "area")
def offers(element: LexborNode) -> Iterable[Reference]:
    """Find links whose text, image or title offers a PDF and says nothing else."""
    text = element.text().strip() or _label(element)
    if len(text) > _LONGEST_OFFER or "pdf" not in text.lower() or not offers_pdf(text):
        return _NOTHING
    href = element.attributes.get("href") or ""
    return (Reference(href, document=True),) if "/wiki/" not in href else _NOTHING


def offers_pdf(text: str) -> bool:
    """Return whether a text offers a PDF and says nothing else."""
    if len(text) > _LONGEST_OFFER or "pdf" not in (text := text.strip().lower()):
        return False
    return bool(_OFFER(text) and not _NO_OFFER(text))


def _label(element: LexborNode) -> str:
    image, own = element.css_first("img"), element.attributes
    shown = image.attributes if image else own
    label = shown.get("alt") or shown.get("title") or own.get("title") or own.get("aria-label") or ""
    return label.strip()


@rule("iframe", "iframe")
@rule("frame", "frame")
def frames(element: LexborNode) -> Iterable[Reference]:
    """Find the page in a frame."""
    attributes = element.attributes
    src = attributes.get("src")
    if src and not _EMPTY_FRAME(src):
        return (Reference(src),)
    return [Reference(value) for name in _LAZY if (value := attributes.get(name))]


def base_of(tree: LexborHTMLParser) -> str | None:
    """Return the address in the first ``base`` of a page that has one."""
    found = (element.attributes.get("href") for element in tree.tags("base"))
    return next((href for href in found if href is not None), None)


def has_links(found: Iterable[tuple[str, Reference]]) -> bool:
    """Return whether there are links among the references of a page; if so, they come first."""
    return next(iter(found), ("",))[0] in ("a", "link-text")


def loaded_scripts(tree: LexborHTMLParser) -> Iterator[Reference]:
    """Find the scripts of an application, whose page has no links without them, but for libraries."""
    sources = (element.attributes.get("src") for element in tree.tags("script"))
    for src in islice((src for src in sources if src and _IS_SCRIPT(src) and not _LIBRARY(src)), MAX_SCRIPTS):
        yield Reference(src)


@rule("script-src", "script")
def menus(element: LexborNode) -> Iterable[Reference]:
    """Find the scripts that write a page's menus and lists, as their names say."""
    src = element.attributes.get("src")
    name = (src or "").partition("?")[0].rpartition("/")[2]
    return (Reference(src),) if _WRITES_LINKS(name) and not _LIBRARY(src or "") else _NOTHING


@rule("embed", "embed")
def embeds(element: LexborNode) -> Iterable[Reference]:
    """Find an embedded file."""
    attributes = element.attributes
    return (Reference(attributes.get("src"), _type(attributes) in _PDF_TYPES),)


@rule("object", "object")
def objects(element: LexborNode) -> Iterable[Reference]:
    """Find the file of an object."""
    attributes = element.attributes
    return (Reference(attributes.get("data"), _type(attributes) in _PDF_TYPES),)


@rule("object", "param")
def parameters(element: LexborNode) -> Iterable[Reference]:
    """Find a PDF in a parameter of an object."""
    attributes = element.attributes
    named = (attributes.get("name") or "").lower() in _OBJECT_PARAMETERS
    value = attributes.get("value") or ""
    return (Reference(value, document=True),) if named and says_pdf(value) else _NOTHING


@rule("link", "link")
def related_pages(element: LexborNode) -> Iterable[Reference]:
    """Find PDFs and pages that belong together, but no feeds and no resources."""
    attributes = element.attributes
    if (attributes.get("itemprop") or "").lower() in _MEDIA_PROPERTIES:
        return (Reference(attributes.get("href")),)
    return related(attributes.get("href"), attributes.get("rel") or "", _type(attributes))


@rule("feed", "link")
def feeds(element: LexborNode) -> Iterable[Reference]:
    """Find the feeds of a site, which the page at which the crawl began names."""
    attributes = element.attributes
    return (Reference(attributes.get("href")),) if _type(attributes) in _FEED_TYPES else _NOTHING


def related(href: str | None, relation: str, kind: str) -> Iterable[Reference]:
    """Return the target of a link with that relation and declared type, if it is worth following."""
    if kind in _PDF_TYPES or says_pdf(href or ""):
        return (Reference(href, document=True),)
    relation = relation.lower()
    is_page = kind in _READABLE and _PAGE_RELATION(relation) and not _RESOURCE_RELATION(relation)
    is_page = is_page or (relation == "linkset" and kind.startswith("application/linkset"))
    return (Reference(href),) if is_page else _NOTHING


@rule("meta-refresh", "meta")
def refreshes(element: LexborNode) -> Iterator[Reference]:
    """Find the target of a refresh."""
    attributes = element.attributes
    if (attributes.get("http-equiv") or "").strip().lower() != "refresh":
        return
    if target := refresh_target(attributes.get("content") or ""):
        yield Reference(target)


def refresh_target(content: str) -> str | None:
    """Return the address in the value of a ``Refresh``, of the meta element or the header; None without one."""
    target = _REFRESH(content)
    return _unquoted(target[1]) if target else None


@rule("citation-pdf", "meta")
def citations(element: LexborNode) -> Iterable[Reference]:
    """Find what publishers declare for Google Scholar: https://scholar.google.com/intl/en/scholar/inclusion.html."""
    attributes = element.attributes
    return (Reference(attributes.get("content"), document=True),) if _name(attributes) in _DOCUMENT_METAS else _NOTHING


@rule("meta-url", "meta")
def described(element: LexborNode) -> Iterable[Reference]:
    """Find identifiers and addresses of a PDF in a page's description."""
    attributes = element.attributes
    content = attributes.get("content") or ""
    if says_pdf(content) and _ROOTED(content) and _URL_META(_name(attributes)):
        return (Reference(content, document=True),)
    return _NOTHING


def _name(attributes: Attributes) -> str:
    return (attributes.get("name") or attributes.get("property") or attributes.get("itemprop") or "").strip().lower()


def _type(attributes: Attributes) -> str:
    return (attributes.get("type") or "").partition(";")[0].strip().lower()


def _unquoted(target: str) -> str:
    quote = target[0]
    return target[1:].partition(quote)[0] if quote in "\"'" else target
