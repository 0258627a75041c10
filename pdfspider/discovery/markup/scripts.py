"""The rules for scripts, which are read but not run: JSON, and addresses in quotes."""

from __future__ import annotations

import json
import re
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pdfspider.discovery.entities import unescape
from pdfspider.discovery.markup.constants import filled_in
from pdfspider.discovery.rules import Reference, never_page, rule, says_pdf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborNode

MAX_SCRIPT_LENGTH = 2 * 1024 * 1024
"""Characters of one script that are examined."""

_VALUE = r"""[^"'`<>\s\\]*+(?:\\{1,3}[^\s"'`<>\\][^"'`<>\s\\]*+)*+"""
_END = r"""\\{0,3}["'`](?!\s{0,9}\+)"""
_QUOTED = re.compile(rf"""(?<=["'`]){_VALUE}(?={_END})""")
_SPACED = re.compile(r"""(?<=["'`])[^"'`<>\s]{1,300}+\x20[^"'`<>\r\n\t]{1,300}+(?=["'`](?!\s{0,9}\+))""")
_LONGEST_SPACED = 300
_OPENER = re.compile(
    r"""(?:(?:open|show|view|load|download|display|embed|popup|navigate|goto|get|print)\w{0,40}\(
    |(?:file|url|href|src|path|pdf|link|uri|location|document)["']?\s{0,9}[:=])\s{0,9}["'`]\Z""",
    re.IGNORECASE | re.VERBOSE,
).search
_BEFORE = 60
_OTHER_ADDRESS = re.compile(r"\S\s.*://|\s/|[,;:]\s|\.\s\S+\s").search
_NAMED = re.compile(
    rf"""(?<![\w-])([\w-]{{0,40}}?pdf[\w-]{{0,40}}+)\\{{0,3}}["']?\s{{0,9}}[:=]\s{{0,9}}\\{{0,3}}["'`]({_VALUE}){_END}""",
    re.IGNORECASE,
)
_TARGET = r"""(?:(?:unescape|decodeURI(?:Component)?|encodeURI)\(\s{0,9})?["'`]([^"'`<>\r\n\t]{1,2048}+)["'`]"""
_LOCATION = re.compile(
    rf"""(?<![\w$-])location(?:["']\])?(?:\.href|\[["']href["']\])?\s{{0,9}}=(?!=)\s{{0,9}}{_TARGET}(?!\s{{0,9}}\+)"""
    rf"|(?<![\w$-])(?:location\.(?:replace|assign)|(?:window|navigation)\.navigate)\(\s{{0,9}}{_TARGET}\s{{0,9}}\)"
    rf"|(?<![\w$.-])window\.open\(\s{{0,9}}{_TARGET}(?=\s{{0,9}}[,)])"
    rf"|(?:\.href|\w{{0,20}}(?:frame|embed|pdf|viewer|object|doc)\w{{0,20}}\.(?:src|data))\s{{0,9}}=(?!=)\s{{0,9}}{_TARGET}(?!\s{{0,9}}\+)"
    rf"""|\b(?:setAttribute|attr)\(\s{{0,9}}["'](?:href|src|data)["']\s{{0,9}},\s{{0,9}}{_TARGET}\s{{0,9}}\)"""
)
_SENDS = ("location", "window.open", ".navigate", ".href", ".src", ".data", "setAttribute", ".attr(")
_FETCHED = re.compile(
    r"""(?:\bfetch|\baxios(?:\.get)?|\.getJSON|\$\.get|\.load)\(\s{0,9}["'`]([^"'`<>\s$]{1,2048}+)["'`](?=\s{0,9}[,)])
    |\.open\(\s{0,9}["']GET["']\s{0,9},\s{0,9}["'`]([^"'`<>\s$]{1,2048}+)["'`](?=\s{0,9}[,)])
    |\bajax["']?\s{0,9}:\s{0,9}["']([^"'`<>\s$]{1,2048}+)["']
    |\b(?:ajax|axios)\(\s{0,9}\{(?:[^{}]{0,300}?[\s,])?url["']?\s{0,9}:\s{0,9}["']([^"'`<>\s$]{1,2048}+)["'](?=\s{0,9}[,}])(?![^{}]{0,300}["'](?i:post|put|patch|delete)["'])
    |\b(?:fileDownload|saveAs|download(?:File|Url|URI)?)\(\s{0,9}["'`]((?:https?:/)?\.{0,2}/[^"'`<>\s$]{1,2048}+)["'`](?=\s{0,9}[,)])""",
    re.VERBOSE,
).finditer
_FETCHES = ("fetch(", "axios", ".getJSON", "$.get", ".load(", ".open(", "ajax", "ownload", "saveAs(")
_CALL = re.compile(
    r"""(?:getDocument|PDFObject\.embed|PDFObject|PDFViewerApplication\.open|WebViewer|PSPDFKit\.load|NutrientViewer\.load
    |previewFile|flipBook|FlowPaperViewer|\w{0,20}PDFViewer|viewPdf|showPdf|openPdf|loadPdf|embedPdf|renderPdf|displayPdf)
    \s{0,9}\(\s{0,9}
    (?:(?:[^()"'`{]{0,300}?|[^()"'`{]{0,300}+\{[^()]{0,500}?)\b(?:url|file|src|source|initialDoc|document|pdf|PDFFile)["']?\s{0,9}:\s{0,9})?
    ["'`]([^"'`<>\r\n\t]{1,2048}+)["'`](?!\s{0,9}\+)""",
    re.IGNORECASE | re.VERBOSE,
).finditer
"""Calls of viewers, with the address that they are given."""
_DEFAULT = re.compile(
    r"""default_?url["']?\s{0,9}[,=:]\s{0,9}["'`]([^"'`<>\r\n\t]{1,2048}+)["'`]""", re.IGNORECASE
).finditer
"""The document with which pdf.js begins."""
_VIEWERS = ("pdf", "getdocument", "webviewer", "previewfile", "flipbook", "flowpaper", "nutrientviewer")
_WRITTEN = re.compile(
    r"""<(?:a|area|iframe|frame|embed|object)\s(?:[^<>]{0,300}?\s)?(?:href|src|data)=
    (?:\\?["']([^"'`<>\\\s{}$#][^"'`<>\\\s{}$]{0,2048}+)\\?["']|([^"'`<>\\\s{}$#][^"'`<>\\\s{}$]{0,2048}+)(?=[\s>]))""",
    re.IGNORECASE | re.VERBOSE,
).finditer
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,5})\}|(.))", re.DOTALL)
_ENCODED = re.compile(r"%2f|https?%3a", re.IGNORECASE).match
is_template = re.compile(r"[{}*^|]|%s").search
"""Finds a placeholder in a text."""
_ADDRESS = re.compile(
    r"https?://|\.{0,2}/[^/]|//[\w-]|[\w./-]+\.(?:php|aspx?|jsp|do|cgi|ashx|cfm)\b(?![\w.])", re.IGNORECASE
).match
_SAYS_TYPE = re.compile(
    r"""application\\{0,3}/(?:x-)?pdf\\{0,3}["']
    |(?:ext|extension|format|type|mime)\\{0,3}["']?\s{0,9}:\s{0,9}\\{0,3}["']\.?pdf\\{0,3}["']
    |(?:name|title|key)\\{0,3}["']?\s{0,9}:\s{0,9}\\{0,3}["'][^"'<>\\/]{1,200}+(?<=\.pdf)\\{0,3}["']""",
    re.IGNORECASE | re.VERBOSE,
).finditer
"""Finds the members of JSON objects that name the type PDF."""
_FIELD = re.compile(
    rf"""(?:url|href|src|link|uri|path|file|self|download|location)\\{{0,3}}["']?\s{{0,9}}:\s{{0,9}}\\{{0,3}}["'`]({_VALUE}){_END}""",
    re.IGNORECASE,
).finditer
_OBJECT, _MOST_BRACES = 2_048, 64
"""Characters of an object, and braces in it, that are looked at on each side of a place."""
_BRACES = re.compile(r"[{}]").finditer
_LOOKS_LIKE_FILE = re.compile(r"\S*[/?.]").match
_FURNITURE = re.compile(r"icon|worker|viewer|script|css|js$|image|img|thumb|logo|preview", re.IGNORECASE).search

_LINKS = ("contentUrl", "url", "embedUrl", "downloadUrl", "associatedMedia", "encoding", "distribution", "@id")
_FORMATS = ("encodingFormat", "fileFormat")


@rule("json-ld", "script")
def linked_data(element: LexborNode) -> Iterable[Reference]:
    """Find files that the page describes as PDFs in the vocabulary of https://schema.org/MediaObject."""
    if not _is_linked_data(element):
        return ()
    text = element.text()[:MAX_SCRIPT_LENGTH]
    return _described(text) if "pdf" in text.lower() else ()


def _is_linked_data(script: LexborNode) -> bool:
    return (script.attributes.get("type") or "").partition(";")[0].strip().lower() == "application/ld+json"


def _described(text: str) -> Iterator[Reference]:
    try:
        waiting: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        yield from files_of_type(text)
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from _files_of(node)
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _files_of(node: dict[str, Any]) -> Iterator[Reference]:
    is_pdf = any("pdf" in value.lower() for key in _FORMATS for value in _texts(node.get(key)))
    for key in _LINKS:
        for value in _texts(node.get(key)):
            if says_pdf(value) or (is_pdf and key in ("contentUrl", "url")):
                yield Reference(value, document=True)


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [value for value in values if isinstance(value, str)]


@rule("script-url", "script")
def named_files(element: LexborNode) -> Iterable[Reference]:
    """Find PDFs that a script names."""
    text = element.text()[:MAX_SCRIPT_LENGTH]
    lowered = text.lower()
    if not any(name in lowered for name in _VIEWERS):
        return ()
    text = filled_in(text)
    return files_in(text) if _is_linked_data(element) else chain(files_in(text), files_of_type(text))


def files_in(script: str) -> Iterator[Reference]:
    """Yield texts in quotes that end in ``.pdf``, addresses with a name such as ``pdfUrl``, and what viewers open."""
    for match in _QUOTED.finditer(script):
        if ".pdf" not in match[0].lower() or script[max(0, match.start() - 9) : match.start() - 1].rstrip()[-1:] == "+":
            continue
        value = plain(match[0])
        if says_pdf(value) and not is_template(value) and value[:4].lower() != ".pdf":
            yield Reference(value, document=True)
    for match in _NAMED.finditer(script):
        value = plain(match[2])
        if named_address(match[1], value):
            yield Reference(value, document=True)
    for search in (_CALL, _DEFAULT):
        for match in search(script):
            value = plain(match[1]).strip()
            if _LOOKS_LIKE_FILE(value) and not is_template(value) and not never_page(value):
                yield Reference(value, document=True)
    if ".pdf" in script.lower():
        yield from _spaced_files(script)


def files_of_type(script: str) -> Iterator[Reference]:
    """Yield the addresses in objects of JSON that say that they are PDFs."""
    after: list[tuple[int, int]] = []
    for match in _SAYS_TYPE(script):
        while after and after[0][1] <= match.start():
            del after[0]
        if after and after[0][0] <= match.start():  # in the same object as the one before
            continue
        before = list(_own_stretches(_braces_before(script, match.start()), match.start(), "}"))
        after = list(_own_stretches(_braces_after(script, match.end()), match.end(), "{"))
        own = "<>".join(script[min(stretch) : max(stretch)] for stretch in (*before, *after))
        for field in _FIELD(own):
            value = plain(field[1])
            if "/" in value and not is_template(value) and not never_page(value) and ":" not in value[:4]:
                yield Reference(value, document=True)


def _braces_before(script: str, start: int) -> Iterator[tuple[int, str]]:
    """Yield the braces before a place, the nearest first, and where the search ends."""
    first, at = max(0, start - _OBJECT), start
    for _ in range(_MOST_BRACES):
        at = max(script.rfind("{", first, at), script.rfind("}", first, at))
        if at < 0:
            break
        yield at, script[at]
    yield max(at, first), ""


def _braces_after(script: str, end: int) -> Iterator[tuple[int, str]]:
    """Yield the braces behind a place, the nearest first, and where the search ends."""
    last = min(end + _OBJECT, len(script))
    for brace in islice(_BRACES(script, end, last), _MOST_BRACES):
        last = brace.start()
        yield last, brace[0]
    yield last, ""


def _own_stretches(braces: Iterable[tuple[int, str]], start: int, opens: str) -> Iterator[tuple[int, int]]:
    """Yield the stretches from a place to the end of its object that are in no further object."""
    depth, at = 0, start
    for place, brace in braces:
        if not depth:
            yield at, place
        if brace == opens:
            depth += 1
        elif depth and brace:
            depth, at = depth - 1, place
        else:
            return


def _spaced_files(script: str) -> Iterator[Reference]:
    """Return file names with blanks that stand in quotes: those with a directory, and those that something opens."""
    for match in _SPACED.finditer(script):
        value, start = plain(match[0].rstrip("\\")), match.start()
        before = script[max(0, start - _BEFORE) : start]
        if is_spaced_file(value, named="/" in value or bool(_OPENER(before))) and before[:-1].rstrip()[-1:] != "+":
            yield Reference(value, document=True)


def is_spaced_file(value: str, *, named: bool) -> bool:
    """Return whether a value with blanks is the address of a PDF, and no sentence that ends with one."""
    if not named or len(value) > _LONGEST_SPACED or not says_pdf(value):
        return False
    return not is_template(value) and not _OTHER_ADDRESS(value)


def named_address(name: str, value: str) -> bool:
    """Return whether ``value`` is an address, and ``name`` calls it a PDF."""
    if _FURNITURE(name) or not _ADDRESS(value):
        return False
    return "pdf" in name.lower() and not is_template(value) and not never_page(value)


@rule("script-location", "script")
def bounces(element: LexborNode) -> Iterable[Reference]:
    """Find the address to which a script sends the browser."""
    text = element.text()[:MAX_SCRIPT_LENGTH]
    return targets_in(filled_in(text)) if any(word in text for word in _SENDS) else ()


@rule("script-url", "script")
def written_links(element: LexborNode) -> Iterable[Reference]:
    """Find links in the HTML that a script writes, and in templates for one."""
    return links_written(element.text()[:MAX_SCRIPT_LENGTH])


def links_written(script: str) -> Iterator[Reference]:
    """Yield the links in the HTML that stands in a script."""
    if "href=" in script or "src=" in script or "data=" in script:
        for match in _WRITTEN(script):
            yield Reference(plain(match[1] or match[2]))


@rule("script-url", "script")
def fetched(element: LexborNode) -> Iterator[Reference]:
    """Find what a script fetches, JSON for instance that lists files."""
    text = element.text()[:MAX_SCRIPT_LENGTH]
    if any(word in text for word in _FETCHES):
        for match in _FETCHED(text):
            value = plain(next(filter(None, match.groups())))
            if _LOOKS_LIKE_FILE(value) and not is_template(value):
                yield Reference(value)


def targets_in(script: str, *, names: bool = False) -> Iterator[Reference]:
    """Yield the addresses to which a script sends the browser, with ``names`` also those of one word."""
    for match in _LOCATION.finditer(script):
        target = plain(next(filter(None, match.groups())))
        if (names or "/" in target or "." in target or "?" in target) and target[:1] != "#" and "${" not in target:
            yield Reference(target)


def plain(value: str) -> str:
    """Return a value without the escapes of JavaScript and HTML, twice if it was nested in a string."""
    for _ in range(2):
        if "\\" in value:
            value = _ESCAPE.sub(lambda found: found[4] or chr(int(found[1] or found[2] or found[3], 16)), value)
    value = unquote(value) if _ENCODED(value) else value
    return unescape(value) if "&" in value else value
