"""The rules for scripts, which are read but not run: JSON, and addresses in quotes."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING, Any

from pdfspider.discovery.rules import Reference, never_page, rule, says_pdf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborNode

LIMIT = 2 * 1024 * 1024
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
_TARGET = r"""["']([^"'<>\r\n\t]{1,2048}+)["']"""
_LOCATION = re.compile(
    rf"(?<![\w$-])location(?:\.href)?\s{{0,9}}=(?!=)\s{{0,9}}{_TARGET}(?!\s{{0,9}}\+)"
    rf"|(?<![\w$-])location\.(?:replace|assign)\(\s{{0,9}}{_TARGET}\s{{0,9}}\)"
)
_CALL = re.compile(
    r"""(?:getDocument|PDFObject\.embed|PDFObject|PDFViewerApplication\.open|WebViewer|PSPDFKit\.load|NutrientViewer\.load
    |previewFile|flipBook|FlowPaperViewer|\w{0,20}PDFViewer|viewPdf|showPdf|openPdf|loadPdf|embedPdf|renderPdf|displayPdf)
    \s{0,9}\(\s{0,9}
    (?:[^()"'`]{0,300}?(?:\{[^()]{0,500}?)?\b(?:url|file|src|source|initialDoc|document|pdf|PDFFile)["']?\s{0,9}:\s{0,9})?
    ["'`]([^"'`<>\r\n\t]{1,2048}+)["'`](?!\s{0,9}\+)""",
    re.IGNORECASE | re.VERBOSE,
).finditer
"""Calls of viewers, with the address that they are given."""
_VIEWERS = ("pdf", "getdocument", "webviewer", "previewfile", "flipbook", "flowpaper", "nutrientviewer")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_TEMPLATE = re.compile(r"[{}*^|]|%s").search
_ADDRESS = re.compile(r"https?://|\.{0,2}/[^/]|//[\w-]", re.IGNORECASE).match
_LOOKS_LIKE_FILE = re.compile(r"\S*[/?.]").match
_FURNITURE = re.compile(r"icon|worker|viewer|script|css|js$|image|img|thumb|logo|preview", re.IGNORECASE).search

_LINKS = ("contentUrl", "url", "embedUrl", "downloadUrl", "associatedMedia", "encoding", "distribution", "@id")
_FORMATS = ("encodingFormat", "fileFormat")


@rule("json-ld", "script")
def linked_data(element: LexborNode) -> Iterable[Reference]:
    """Find files that the page describes as PDFs in the vocabulary of https://schema.org/MediaObject."""
    if (element.attributes.get("type") or "").strip().lower() != "application/ld+json":
        return ()
    text = element.text()[:LIMIT]
    return _described(text) if "pdf" in text.lower() else ()


def _described(text: str) -> Iterator[Reference]:
    try:
        waiting: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
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
    text = element.text()[:LIMIT]
    lowered = text.lower()
    return files_in(text) if any(name in lowered for name in _VIEWERS) else ()


def files_in(script: str) -> Iterator[Reference]:
    """Yield texts in quotes that end in ``.pdf``, addresses with a name such as ``pdfUrl``, and what viewers open."""
    for match in _QUOTED.finditer(script):
        if ".pdf" not in match[0].lower() or script[max(0, match.start() - 9) : match.start() - 1].rstrip()[-1:] == "+":
            continue
        value = plain(match[0])
        if says_pdf(value) and not _TEMPLATE(value) and value[:4].lower() != ".pdf":
            yield Reference(value, document=True)
    for match in _NAMED.finditer(script):
        value = plain(match[2])
        if named_address(match[1], value):
            yield Reference(value, document=True)
    for match in _CALL(script):
        value = plain(match[1]).strip()
        if _LOOKS_LIKE_FILE(value) and not _TEMPLATE(value) and not never_page(value):
            yield Reference(value, document=True)
    if ".pdf" in script.lower():
        yield from _spaced_files(script)


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
    return not _TEMPLATE(value) and not _OTHER_ADDRESS(value)


def named_address(name: str, value: str) -> bool:
    """Return whether ``value`` is an address, and ``name`` calls it a PDF."""
    if _FURNITURE(name) or not _ADDRESS(value):
        return False
    return "pdf" in name.lower() and not _TEMPLATE(value) and not never_page(value)


@rule("script-location", "script")
def bounces(element: LexborNode) -> Iterable[Reference]:
    """Find the address to which a script sends the browser."""
    text = element.text()[:LIMIT]
    return targets_in(text) if "location" in text else ()


def targets_in(script: str) -> Iterator[Reference]:
    """Yield the addresses to which a script sends the browser."""
    for match in _LOCATION.finditer(script):
        target = plain(match[1] or match[2])
        if "/" in target or "." in target or "?" in target:
            yield Reference(target)


def plain(value: str) -> str:
    """Return a value without the escapes of JavaScript and HTML, twice if it was nested in a string."""
    for _ in range(2):
        if "\\" in value:
            value = _ESCAPE.sub(lambda found: found[3] or chr(int(found[1] or found[2], 16)), value)
    return unescape(value) if "&" in value else value
