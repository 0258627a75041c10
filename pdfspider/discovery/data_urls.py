"""PDFs that are written into a page itself, as ``data:`` URLs or in Base64 for a script."""

from __future__ import annotations

import re
from base64 import b64decode
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pdfspider.discovery.urls import join
from pdfspider.items import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

TECHNIQUE = "data-url"
MAX_DOCUMENTS = 20
"""Documents of one page that are looked at."""
_HEADER = "JVBERi0"
"""The beginning ``%PDF-`` in Base64."""
_MARK = "#data-"
_VALUES = re.compile(rf"(?:(?i:base64,)|[\"'`])\s*({_HEADER}[\w+/=%\s\\-]{{13,}}+)").finditer
_LINE_ENDS = re.compile(r"\s+|\\[nr]|\\").sub
"""Removes line ends, and what JSON puts before slashes."""


def documents_in(html: str) -> Iterator[tuple[str, bytes]]:
    """Yield the documents in a page, each with the fragment that names it."""
    if _HEADER not in html:
        return
    found = set[str]()
    for match in _VALUES(html):
        body = _decoded(match[1])
        fragment = f"{_MARK}{blake2b(body, digest_size=8).hexdigest()}"
        if body.startswith(b"%PDF-") and fragment not in found:
            found.add(fragment)
            yield fragment, body
        if len(found) >= MAX_DOCUMENTS:
            return


def links_in(html: str, base_url: str) -> Iterator[Link]:
    """Yield the links to the documents in the page at ``base_url``: its own URL, with the fragments that name them."""
    for fragment, _ in documents_in(html):
        if page := join(base_url, base_url):
            yield Link(f"{page}{fragment}", TECHNIQUE, document=True)


def document_at(url: str, page: bytes) -> bytes | None:
    """Return the document that ``url`` names in its page, None if it is not there any more."""
    fragment = url[url.find(_MARK) :]
    return next((body for name, body in documents_in(page.decode("latin-1")) if name == fragment), None)


def _decoded(text: str) -> bytes:
    text = _LINE_ENDS("", unquote(text) if "%" in text else text)
    try:
        return b64decode(f"{text}==", altchars=b"-_" if "-" in text or "_" in text else None)
    except ValueError:
        return b""
