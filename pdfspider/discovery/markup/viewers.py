"""Viewers: pages that show a document which their own URL names."""

from __future__ import annotations

import re
from base64 import b64decode
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote, unquote

from pdfspider.discovery.rules import Reference, never_page, says_pdf
from pdfspider.discovery.urls import join

_DEPTH = 3
_FIELDS = 50
_NAMES = (
    "file|url|src|pdf|doc|document|q|u|link|target|path|source|filename|fullpath|uri"
    "|pdf_?url|file_?url|doc_?url|pdf_?file"
)
_CARRIES = re.compile(rf"[?&#](?:{_NAMES})=", re.IGNORECASE).search
_FIELD = re.compile(rf"[?&#;]({_NAMES})=([^&#]+)", re.IGNORECASE).finditer
_ENCODED_ADDRESS = re.compile(r"(?:https?)?%(?:25)*(?:3a|2f)", re.IGNORECASE).match
_ADDRESS = re.compile(r"https?://|//[\w-]", re.IGNORECASE).match
_EXTENSION = re.compile(r"chrome-extension://[a-z]+/(?=https?://)").match

# pdf.js and its like, Google's, and Microsoft's.
_VIEWERS = frozenset(("viewer", "viewerng", "gview", "pdfviewer", "pdf-viewer", "pdf_viewer", "webviewer"))
_VIEWERS_PLACES = ("pdfjs", "pdf.js", "pdf-js", "viewerjs", "//view.officeapps.live.com/op/")
_ONLINE = ("//docs.google.com/", "//drive.google.com/", "//view.officeapps.live.com/")
"""Viewers for whole addresses, which may lack their scheme."""
_NO_FIELDS = frozenset(("q", "u", "link", "target"))
_HOST = re.compile(r"(?:[\w-]+\.)+[a-z]{2,}/", re.IGNORECASE).match
_BASE64 = re.compile(r"aHR0c[\w+/-]{8,4096}={0,2}").fullmatch
"""An address that begins with ``http``."""
_ARCHIVE = re.compile(r"/(?:web/)?[0-9]{4,14}(?:[a-z]{2}_)?/\Z", re.IGNORECASE).search
_PROGRAM = re.compile(r"[\w.-]+\?[\w.-]+=").match
_PATH = re.compile(r"(?:https?://|\.{0,2}/|[^?#&=/:]+/)[^?]*\.pdf\Z", re.IGNORECASE | re.DOTALL).match
_OTHER_DOCUMENT = re.compile(r"\.(?:docx?|xlsx?|pptx?|od[tsp]|rtf|csv|txt|epub)(?:$|[?#])", re.IGNORECASE).search


class ViewedDocument(NamedTuple):
    """The document in a URL's query or fragment; ``alone`` if the URL itself is only a shell around it."""

    reference: Reference
    alone: bool


def shown_by(href: str) -> ViewedDocument | None:
    """Return the document that the viewer at ``href`` (as written) shows, through nested viewers."""
    if "=" not in href and ":" not in href[:20] and "#" not in href:
        return None
    if href[-4:].lower() == ".pdf" and (within := _in_path(href)):
        return ViewedDocument(Reference(within, document=True), alone=False)
    shown, alone = None, True
    for _ in range(_DEPTH):
        inner = _unwrap(href)
        if inner is None:
            break
        within, shown, alone = href, inner.reference, alone and inner.alone
        href = shown.href or ""
        if _ADDRESS(within) and not _ADDRESS(href):
            href = join(within, href) or href
    return ViewedDocument(Reference(href, shown.document), alone) if shown else None


def paths_in_query(url: str) -> list[Reference]:
    """Return the PDFs whose paths are in the query of an application's page, such as SharePoint's ``id``."""
    query = url.partition("?")[2]
    if "pdf" not in query.lower():
        return []
    values = (_decoded(field.partition("=")[2].replace("+", " ")) for field in query.split("&")[:_FIELDS])
    return [Reference(quote(value, safe="/:@!$&'()*+,;=~"), document=True) for value in values if _PATH(value)]


def _in_path(href: str) -> str | None:
    """Return the address at the end of another one's path, as of some viewers; those of web archives are no viewers."""
    start = max(href.rfind("/http://"), href.rfind("/https://"))
    if start < len("http://x") or "?" in href or _ARCHIVE(href[start - 30 if start > 30 else 0 : start + 1]):
        return None
    return href[start + 1 :]


def _unwrap(href: str) -> ViewedDocument | None:
    if extension := _EXTENSION(href):
        return ViewedDocument(Reference(href[extension.end() :], document=True), alone=True)
    page, _, fragment = href.partition("#")
    page = page.partition("?")[0].lower()
    viewer = _is_viewer(page)
    if viewer and says_pdf(fragment) and "=" not in fragment:
        return ViewedDocument(Reference(unquote(fragment), document=True), alone=True)
    if not _CARRIES(href):
        return None
    for match in _FIELD(href):
        value = _decoded(match[2])
        if viewer and match[1].lower() not in _NO_FIELDS and ("/" in value or says_pdf(value) or _PROGRAM(value)):
            return _shown(page, value)
        if (_ADDRESS(value) or (_is_within(fragment, match[0]) and "/" in value)) and says_pdf(value):
            return ViewedDocument(Reference(value, document=True), alone=False)
    return None


def _shown(page: str, value: str) -> ViewedDocument | None:
    """Return what a viewer shows, None if that is of a kind that it would not show."""
    if never_page(value):
        return None
    if _HOST(value) and any(place in page for place in _ONLINE):
        value = f"http://{value}"
    return ViewedDocument(Reference(value, says_pdf(value) or not _OTHER_DOCUMENT(value)), alone=True)


def _is_within(fragment: str, field: str) -> bool:
    return field[1:] in fragment


def _is_viewer(page: str) -> bool:
    name = page.rstrip("/").rpartition("/")[2].partition(".")[0]
    return name in _VIEWERS or name.endswith("viewer") or any(place in page for place in _VIEWERS_PLACES)


def _decoded(value: str) -> str:
    value = unquote(value)
    for _ in range(_DEPTH):
        if not _ENCODED_ADDRESS(value):
            break
        value = unquote(value)
    if _BASE64(value):
        with suppress(ValueError):
            return b64decode(f"{value}==", altchars=b"-_" if set(value) & set("-_") else None).decode()
    return value
