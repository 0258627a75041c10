"""Read resources that are no pages but lead to PDFs: sitemaps, feeds, OAI-PMH, CDX and plain lists of URLs.

XML is read as text, tag by tag. Nothing is expanded or fetched, and a broken file yields what it has.
"""

from __future__ import annotations

import re
import zlib
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from pdfspider.discovery.entities import unescape
from pdfspider.discovery.listings.buckets import objects
from pdfspider.discovery.listings.cdx import captured, is_cdx
from pdfspider.discovery.listings.json_lists import described, html_in, is_json
from pdfspider.discovery.listings.script_files import is_script, named
from pdfspider.discovery.markup.decoding import decode
from pdfspider.discovery.rules import Reference, says_pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Found = Iterator[tuple[str, Reference]]
    NoteCut = Callable[[int], object]

SAME_DEPTH_TECHNIQUES = frozenset(
    ("robots-sitemap", "sitemap-index", "oai-next", "bucket-next", "cdx-next", "json-next", "script-src")
)
"""Techniques whose links are as deep as where they were found: further parts of the same list or page."""
ANY_SCOPE_TECHNIQUES = frozenset(("oai-pmh", "text-list", "cdx"))
"""Techniques that may lead out of the scope, because their lists were submitted as seeds."""
LIST_TECHNIQUES = SAME_DEPTH_TECHNIQUES | ANY_SCOPE_TECHNIQUES

MAX_INFLATED_SIZE = 16 * 1024 * 1024
MAX_URLS = 50_000
"""URLs of one list, as many as https://www.sitemaps.org/protocol.html allows."""
MAX_ELEMENTS = 20 * MAX_URLS
"""Elements of one list that are examined."""
_HEAD = 4_096
_STEP = 16 * 1024
_GZIP = b"\x1f\x8b"

_PROLOGUE = r"\s*+(?:(?:<\?[^>]*+>|<!--.*?-->|<!DOCTYPE[^>\[]*+(?:\[[^\]]*+\]\s*+)?>)\s*+)*+"
_ROOTS = "urlset|sitemapindex|rss|feed|RDF|OAI-PMH|ListBucketResult|EnumerationResults|opml|mets"
_ROOT = re.compile(
    rf"\ufeff?{_PROLOGUE}<(?:[\w.-]+:)?({_ROOTS})[\s>]",
    re.IGNORECASE | re.DOTALL,
).match
_INNER_ROOT = re.compile(r"<(?:[\w.-]+:)?(urlset|sitemapindex)[\s>]", re.IGNORECASE).search
_TAG = re.compile(
    r"<(?![</])(?:!--(?:.*?-->|.*)"
    r"|(?:([\w.-]{1,40}+):)?([A-Za-z]\w{0,40}+)(\s[^<>]{0,8192}+)?>\s*+(?:<!\[CDATA\[(.*?)(?:\]\]>|\Z)|([^<]*+)))",
    re.DOTALL,
).finditer
_ATTRIBUTE = re.compile(r"""([\w:.-]{1,40}+)\s{0,9}=\s{0,9}(?:"([^"]*+)"|'([^']*+)')""").findall
_FEED_RELATION = re.compile(
    r"(?:alternate|enclosure|related|via|next|subsection|http://opds-spec\.org/(?:acquisition(?:/open-access)?|featured|sort/new))\Z"
).match
_ADDRESS = re.compile(r"https?://\S", re.IGNORECASE).match
_LINES = re.compile(r"^[ \t]*+(https?://\S++)", re.IGNORECASE | re.MULTILINE).finditer
_LINE = re.compile(r"\ufeff?(?:[ \t]*+(?:#[^\n]*+)?\r?\n)*+[ \t]*+https?://\S", re.IGNORECASE).match
_NAMES_SITEMAPS = frozenset(("robots-sitemap", "sitemap-index"))
"""Techniques that find sitemaps, whatever type is declared for them."""
_PLAIN_TYPES = ("text/plain", "text/uri-list", "text/csv", "")


class ListReader(NamedTuple):
    """The functions that read a list, and find the HTML in it."""

    read: Callable[[str, str, NoteCut], Found]
    """Takes the text of the list, its URL, and what is called with the number of links beyond the bounds, about."""
    html: Callable[[str], str] = lambda _: ""


def unpacked(body: bytes, limit: int = MAX_INFLATED_SIZE) -> bytes:
    """Return ``body`` without gzip: all its members, at most ``limit`` bytes, as far as it is intact."""
    if not body.startswith(_GZIP):
        return body
    inflate, parts = zlib.decompressobj(zlib.MAX_WBITS | 16), list[bytes]()
    for start in range(0, len(body), _STEP):
        data = body[start : start + _STEP]
        while data and limit > 0:
            try:
                parts.append(inflate.decompress(data, limit))
            except zlib.error:
                return b"".join(parts)
            limit -= len(parts[-1])
            data = inflate.unused_data
            if inflate.eof:
                inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    return b"".join(parts)


def is_list(head: bytes, content_type: str | None, technique: str | None) -> bool:
    """Return whether the body that begins with ``head`` is a list of URLs, to be read as a whole.

    ``technique`` is the one that found its URL: some lists count only if they were submitted.
    """
    text, _ = decode(unpacked(bytes(head[:_HEAD]), _HEAD), None)
    return list_reader(text, content_type, technique) is not None


def list_reader(text: str, content_type: str | None, technique: str | None) -> ListReader | None:
    """Return the reader of a list that begins as ``text`` does, None if it is no list."""
    head = text[:_HEAD]
    root = _ROOT(head) if "<" in head else None
    if root is None and technique in _NAMES_SITEMAPS:
        root = _INNER_ROOT(head)
    if root is not None:
        is_oai = root[1].lower() == "oai-pmh"
        return _READERS[root[1].lower()] if not is_oai or technique in ("seed", "oai-next") else None
    if technique in ("seed", "cdx-next") and is_cdx(head):
        return ListReader(captured)
    if is_json(head, content_type, technique):
        return ListReader(described, html_in)
    if is_script(content_type, technique):
        return ListReader(named)
    declared = (content_type or "").partition(";")[0].strip().lower()
    return _line_reader(technique, declared) if _LINE(head) else None


def _line_reader(technique: str | None, declared: str) -> ListReader | None:
    if technique in _NAMES_SITEMAPS:
        return ListReader(_page_lines)
    return ListReader(_lines) if technique == "seed" and declared in _PLAIN_TYPES else None


def _pages(text: str, _: str, cut: NoteCut) -> Found:
    for prefix, name, attributes, value in _elements(text, cut):
        if name == "loc" and prefix not in ("image", "video"):
            yield "sitemap", Reference(value)
        elif name == "link" and prefix and (given := _given(attributes)).get("rel") == "alternate":
            yield "sitemap", Reference(given.get("href"))


def _sitemaps(text: str, _: str, cut: NoteCut) -> Found:
    for _, name, _, value in _elements(text, cut):
        if name == "loc":
            yield "sitemap-index", Reference(value)


def _entries(text: str, _: str, cut: NoteCut) -> Found:
    """Yield the links and enclosures of RSS and Atom."""
    for _, name, attributes, value in _elements(text, cut):
        if name == "guid" and not _ADDRESS(value):
            continue
        if name in ("link", "enclosure", "content", "guid"):
            given = _given(attributes)
            href = given.get("href") or given.get("url") or given.get("src") or (value if name != "content" else "")
            is_pdf = given.get("type", "").lower().startswith("application/pdf")
            if is_pdf or _FEED_RELATION(given.get("rel", "alternate")):
                yield "feed", Reference(href, is_pdf)


def _feeds(text: str, _: str, cut: NoteCut) -> Found:
    """Yield the feeds and pages in a list of feeds (OPML)."""
    for _, name, attributes, _ in _elements(text, cut):
        given = _given(attributes) if name == "outline" else {}
        for address in (given.get("xmlurl"), given.get("htmlurl"), given.get("url")):
            if address:
                yield "feed", Reference(address)


def _digitised(text: str, _: str, cut: NoteCut) -> Found:
    """Yield the PDFs in a METS record, which libraries have of what they have scanned."""
    is_pdf = False
    for _, name, attributes, _ in _elements(text, cut):
        if name == "file":
            is_pdf = _given(attributes).get("mimetype", "").lower() == "application/pdf"
        elif name == "flocat" and (href := _given(attributes).get("xlink:href")) and (is_pdf or says_pdf(href)):
            yield "feed", Reference(href, document=True)


def _given(attributes: str) -> dict[str, str]:
    return {key.lower(): unescape(one or other) for key, one, other in _ATTRIBUTE(attributes)}


def feed_html(text: str) -> str:
    """Return the pieces of HTML in the entries of a feed, joined."""
    names = ("description", "encoded", "content", "summary")
    return "\n".join(value for _, name, _, value in _elements(text) if name in names and "<" in value)


def _records(text: str, _: str, cut: NoteCut) -> Found:
    """Yield the identifiers and files in records of OAI-PMH.

    See https://www.openarchives.org/OAI/openarchivesprotocol.html.
    """
    for _, name, _, value in _elements(text, cut):
        if name == "resumptiontoken" and value:
            yield "oai-next", Reference(f"?verb=ListRecords&resumptionToken={quote(value, safe='')}")
        elif _ADDRESS(value) and (name in ("identifier", "url", "uri", "fulltext") or says_pdf(value)):
            yield "oai-pmh", Reference(value)


def _objects(text: str, url: str, cut: NoteCut) -> Found:
    return objects(_elements(text, cut), url)


def _page_lines(text: str, _: str, cut: NoteCut) -> Found:
    return _of_lines("sitemap", text, cut)


def _lines(text: str, _: str, cut: NoteCut) -> Found:
    return _of_lines("text-list", text, cut)


def _of_lines(technique: str, text: str, cut: NoteCut) -> Found:
    lines = _LINES(text)
    for match in islice(lines, MAX_URLS):
        yield technique, Reference(match[1])
    beyond = next(lines, None)
    if beyond is not None:
        cut(1 + text.count("\nhttp", beyond.end()))


def _elements(text: str, cut: NoteCut = id) -> Iterator[tuple[str, str, str, str]]:
    """Yield prefix, name, attributes and text of each element, up to the bound on their number.

    ``cut`` is called with the number of elements like the last one that are left.
    """
    found, tags = 0, _TAG(text)
    for match in islice(tags, MAX_ELEMENTS):
        if match[2] is None:
            continue
        value = match[4] if match[4] is not None else unescape(match[5])
        yield match[1] or "", match[2].lower(), match[3] or "", value.strip()
        found += match[2].lower() in ("loc", "link", "item", "entry", "record", "key", "blob")
        if found >= MAX_URLS:
            if left := text.count(text[match.start() : match.end(2) + 1], match.end()):
                cut(left)
            return
    if any(tags):
        cut(1)


_READERS = {
    "listbucketresult": ListReader(_objects),
    "enumerationresults": ListReader(_objects),
    "urlset": ListReader(_pages),
    "sitemapindex": ListReader(_sitemaps),
    "rss": ListReader(_entries, feed_html),
    "feed": ListReader(_entries, feed_html),
    "rdf": ListReader(_entries, feed_html),
    "oai-pmh": ListReader(_records),
    "opml": ListReader(_feeds),
    "mets": ListReader(_digitised),
}
