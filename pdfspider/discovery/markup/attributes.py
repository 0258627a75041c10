"""The rules for attributes that any element may have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pdfspider.discovery.entities import unescape
from pdfspider.discovery.markup.encoded import in_base64
from pdfspider.discovery.markup.scripts import (
    files_in,
    is_spaced_file,
    is_template,
    links_written,
    named_address,
    plain,
    targets_in,
)
from pdfspider.discovery.rules import Reference, never_page, rule, says_pdf, text_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborNode

_DATA = re.compile(
    r"""data-([\w:.-]{1,60}+)\s{0,9}=\s{0,9}(?:"([^"]{1,65536}+)"|'([^']{1,65536}+)'|([^\s"'<>][^\s<>]{0,2048}+))""",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"""[\s"'/]on[a-z]{3,20}\s{0,9}=\s{0,9}(?:"([^"]{1,8192}+)"|'([^']{1,8192}+)'|([^\s"'>][^\s>]{1,2048}+))""",
    re.IGNORECASE,
)
_CALLS = re.compile(r"""[\w$]\(\s{0,9}["']""").search
_NAMES_FILE = re.compile(r"href|url|src|file|pdf|link|path|download|target|popup|document", re.IGNORECASE).search
_NAMES_LINK = re.compile(r"(?:href|link|location|redirect|navigate|goto)\Z", re.IGNORECASE).match
_SAYS_FORMAT = re.compile(r"(?:https?://|[.]{0,2}/)[^\s<>]*[/=]pdf(?:[/&?#]|\Z)", re.IGNORECASE).match
"""An address with a segment, or a value in its query, that is ``pdf``."""
_PAGE = re.compile(r"(?:https?:/|[.]{1,2})?/[^\s<>{}]*\Z|[\w./-]*\?[^\s<>{}]+\Z|[\w./-]+\.\w{3,5}\Z").match
_OPENED = re.compile(
    r"""(?:window\.|(?<![\w$.]))open\(\s{0,9}["'`]([^"'`<>\r\n\t]{1,2048}+)["'`](?!\s{0,9}\+)"""
).finditer
_CALLED = re.compile(
    r"""(?<![\w$])\w{0,20}?(?:open|pop_?up|show|view|window|download|go_?to|navigate|redirect|load|link|url|page|jump)\w{0,20}
    \(\s{0,9}["'`]((?:https?:/)?\.{0,2}/[^"'`<>\s]{1,2048}+|[\w-]{1,100}+\.(?:php|aspx?|jsp|do|cgi|ashx|cfm|html?)(?:\?[^"'`<>\s]{0,2048}+)?)
    ["'`](?!\s{0,9}\+)""",
    re.IGNORECASE | re.VERBOSE,
).finditer
"""Calls whose name and first argument say that they go somewhere."""

_SUFFIX = re.compile(r"\.[pP][dD][fF](?!\w)").finditer
_LONGEST_TAG = 8_192
_TAG_NAME = re.compile(r"<([a-z][^\s/<>]{0,60}+)", re.IGNORECASE).match
_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]{1,60}+)\s{0,9}=\s{0,9}(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>][^\s<>]*+))"""
).finditer
_LABEL = re.compile(
    r"data-|on[a-z]+\Z|xmlns|aria-|.*(?:title|name|text|label|tip|caption)|(?:alt|class|id|download|content|style"
    r"|placeholder|summary|srcdoc|action|formaction|type|rel|ping)\Z",
    re.IGNORECASE,
).match
"""Attributes that have rules of their own, or whose values are shown to people."""
_LINK = '<a href="'
_ORDINARY = frozenset(("a", "area", "link", "base", "iframe", "frame", "embed", "object"))
_ADDRESSES = frozenset(("href", "src", "data"))
_NO_ADDRESS = frozenset(("form", "meta", "param"))
_NAMES_ADDRESS = re.compile(
    r"href|url|src|source|file|pdf|link|path|value|cite|longdesc|data\Z|to\Z", re.IGNORECASE
).search
_IN_TEXT = re.compile(r"""http(?<![^\s>(\[,;]http)s?://[^\s<>"'`{}\\^|]{1,2048}+""").finditer
_HEAD = 1_024
_IS_DATA = re.compile(r"\ufeff?\s*+<\?xml(?!.*?<(?:!doctype )?html)", re.IGNORECASE | re.DOTALL).match
"""Finds that a page is XML for programs, which browsers show by a style sheet."""
_CONTENT = re.compile(r"[\w\s\"'/]>\s{0,99}([^<>\r\n]{1,2048}+)(?=\s{0,99}</)").finditer
_VIEWER = re.compile(r"<(?:\w+-)*pdf(?:-\w+)+\s([^<>]{1,8192}+)", re.IGNORECASE).finditer
_SHOWN = re.compile(r":?(?:src|href|url|file|source|document|pdf|data)\Z", re.IGNORECASE).match


@text_rule("data-attribute", "data-")
def data_attributes(html: str) -> Iterator[Reference]:
    """Find ``data-pdf="/get/7"``, ``data-src="report.pdf"``, ``data-options='{"pdfUrl": …}'``, ``data-href="/x"``."""
    for match in _DATA.finditer(html):
        if _NAMES_LINK(match[1]):
            value = unescape(match[2] or match[3] or match[4]).strip()
            if _PAGE(value) and not (says_pdf(value) or never_page(value)):
                yield Reference(value)
                continue
        if "pdf" not in match[0].lower():
            if "eyJ" in match[0] or "aHR0c" in match[0]:
                yield from in_base64(match[0])
            continue
        yield from _in_value(match[1], unescape(match[2] or match[3] or match[4]).strip())


def _in_value(name: str, value: str) -> Iterator[Reference]:
    """Yield the PDFs in the value of an attribute: itself, or in JSON, a call or HTML."""
    if value[:1] in ("{", "["):
        yield from files_in(value)
    elif "(" in value and _CALLS(value):
        yield from opened_by(value)
    elif _is_file(name, value) or named_address(name, value):
        yield Reference(value, document=True)
    elif "<" in value:
        yield from links_written(value)
    elif _SAYS_FORMAT(value) and not never_page(value):
        yield Reference(value)


def _is_file(name: str, value: str) -> bool:
    """Return whether the value of an attribute is the address of a PDF."""
    if not any(map(str.isspace, value)):
        return says_pdf(value)
    return is_spaced_file(value, named="/" in value or bool(_NAMES_FILE(name)))


@text_rule("event", "click", "location")
def events(html: str) -> Iterator[Reference]:
    """Find what a click, or another event, opens."""
    for match in _EVENT.finditer(html):
        yield from opened_by(unescape(match[1] or match[2] or match[3]))


@rule("event", "body")
def loaded(element: LexborNode) -> Iterable[Reference]:
    """Find what a page opens once it is there."""
    script = element.attributes.get("onload")
    return opened_by(script) if script else ()


def opened_by(script: str) -> Iterator[Reference]:
    """Yield what a short script opens: a PDF in quotes, or any page in this or a new window."""
    if "pdf" in script.lower():
        yield from files_in(script)
    for search in (_OPENED, _CALLED):
        for match in search(script):
            if not is_template(value := plain(match[1])):
                yield Reference(value)
    yield from targets_in(script, names=True)


@text_rule("attribute", ".pdf")
def other_attributes(html: str) -> Iterator[Reference]:
    """Find the addresses of PDFs in attributes of any element, ``<x-viewer :src="'b.pdf'">`` for instance.

    Tags that a script writes count, comments do not. Links and frames have rules of their own.
    """
    html = visible(html)
    for start, end in _tags_with_files(html):
        tag = html[start:end]
        name = _TAG_NAME(tag)
        if name is None or (of := name[1].lower()) in _NO_ADDRESS:
            continue
        for match in _ATTRIBUTE(tag, name.end()):
            attribute, value = match[1].lower(), match[2] or match[3] or match[4] or ""
            if (of in _ORDINARY and attribute in _ADDRESSES) or _LABEL(attribute) or ".pdf" not in value.lower():
                continue
            yield from _files_of(of, attribute, unescape(value).strip())


@text_rule("text-url", ".pdf")
def addresses_in_text(html: str) -> Iterator[Reference]:
    """Find the whole addresses of PDFs in the text of a page."""
    shown = visible(html)
    for match in _IN_TEXT(shown):
        value = unescape(match[0].rstrip(".,;:!?"))
        if says_pdf(value) and not is_template(value):
            yield Reference(value, document=True)
    if _IS_DATA(html[:_HEAD]):
        for match in _CONTENT(shown):
            if says_pdf(value := unescape(match[1]).strip()):
                yield Reference(value, document=True)


def visible(html: str) -> str:
    """Return a page without its comments."""
    parts, at = list[str](), 0
    while (start := html.find("<!--", at)) >= 0:
        parts.append(html[at:start])
        end = html.find("-->", start + 2)
        at = len(html) if end < 0 else end + 3
    return "".join((*parts, html[at:])) if parts else html


def _tags_with_files(html: str) -> Iterator[tuple[int, int]]:
    """Yield where the tags with ``.pdf`` in them begin and end."""
    end = 0
    for match in _SUFFIX(html):
        at = match.start()
        if at < end:
            continue
        start = html.rfind("<", max(end, at - _LONGEST_TAG), at)
        if html.startswith(_LINK, start) and html.startswith('">', quoted := html.find('"', at)):
            end = quoted
            continue
        if start < 0 or html.find(">", start, at) >= 0:
            continue
        end = html.find(">", at, at + _LONGEST_TAG)
        end = at + _LONGEST_TAG if end < 0 else end
        yield start, end


def _files_of(tag: str, attribute: str, value: str) -> Iterator[Reference]:
    value = value.replace("\\/", "/").strip("\\\"'") if value[:1] == "\\" else value
    if any(quote in value for quote in "\"'`"):
        yield from files_in(value)
    elif tag == "input" and "://" not in value:
        return
    elif "/" in value or _NAMES_ADDRESS(attribute):
        is_file = is_spaced_file(value, named=True) if " " in value else says_pdf(value)
        if is_file and not is_template(value):
            yield Reference(value, document=True)


@text_rule("attribute", "pdf-")
def viewers(html: str) -> Iterator[Reference]:
    """Find what an element shows whose name says that it shows PDFs: ``<pdf-viewer src="/get/7">``."""
    for tag in _VIEWER(html):
        for match in _ATTRIBUTE(tag[1]):
            value = unescape(match[2] or match[3] or match[4] or "").strip().strip("'`")
            if _SHOWN(match[1]) and ("/" in value or "?" in value) and not (is_template(value) or never_page(value)):
                yield Reference(value, document=True)
