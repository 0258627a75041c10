"""Recognise the type of a body by its first bytes, because declared types and suffixes can be wrong.

HTML is recognised as in https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type, but any
white space is allowed after the name of a tag.
"""

from __future__ import annotations

import re
from enum import Enum

HEAD_SIZE = 1024
"""Bytes of a body that decide; PDF readers search for the header this far."""

_HEADER = b"%PDF-"
_HEADER_LINE = re.compile(rb"[\r\n]%PDF-\d\.\d[\s%]")

# Containers that may contain an uncompressed PDF within their first KiB.
_ARCHIVE = re.compile(rb"\x1f\x8b|PK\x03\x04|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|WARC/|.{257}ustar", re.DOTALL)

_START = rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]*"
_PAGE = re.compile(
    _START + rb"<(?:\?xml|!--|(?:!doctype\s+html|html|head|body|script|title|style)[\s/>])", re.IGNORECASE
)
_FRAGMENT = re.compile(_START + rb"<(?:iframe|h1|div|font|table|a|b|br|p|meta|link|frameset|form)[\s/>]", re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_HTML_TYPES = ("text/html", "application/xhtml+xml")


class Kind(Enum):
    """The type of a body; XML counts as HTML, because a page may be written in it."""

    PDF = "pdf"
    HTML = "html"
    OTHER = "other"
    EMPTY = "empty"


def sniff(head: bytes, content_type: str | None = None) -> Kind:
    """Return the type of the body that begins with ``head``.

    ``head`` is its first ``HEAD_SIZE`` bytes, or all of it. ``content_type`` is the declared type. It only decides
    whether text without tags is a page.
    """
    head = bytes(head[:HEAD_SIZE])
    if not head:
        return Kind.EMPTY
    text = _narrow(head)
    if _PAGE.match(text):
        return Kind.HTML
    if _is_pdf(head):
        return Kind.PDF
    return Kind.HTML if _FRAGMENT.match(text) or _declared_html(text, content_type) else Kind.OTHER


def _is_pdf(head: bytes) -> bool:
    """Return whether the body is a PDF, possibly after other bytes.

    An archive may not precede the header. After warnings of PHP (``<br />``), the header must begin a line.
    """
    if head.startswith(_HEADER):
        return True
    if _ARCHIVE.match(head):
        return False
    return bool(_HEADER_LINE.search(head)) if _FRAGMENT.match(head) else _HEADER in head


def _declared_html(text: bytes, content_type: str | None) -> bool:
    declared = (content_type or "").partition(";")[0].strip().lower()
    return declared in _HTML_TYPES and not _BINARY.search(text)


def _narrow(head: bytes) -> bytes:
    """Return ``head`` with one byte per character if a byte order mark says that it has two."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "ignore").encode("ascii", "replace")
    return head
