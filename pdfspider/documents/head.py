"""Recognise the type of a body by its first bytes, because declared types and suffixes can be wrong.

HTML is recognised as in https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type, but any
white space is allowed after the name of a tag.
"""

from __future__ import annotations

import re
from enum import Enum

from pdfspider.utf16 import utf16_without_mark

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
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_XML = re.compile(_START + rb"<[A-Za-z][\w:.-]{0,100}[\s/>]").match
_XML_TYPE = re.compile(r"(?:text|application)/xml|[\w.-]+/[\w.-]+\+xml").fullmatch
_TEXT_TYPE = re.compile(r"\s*(?:text/|application/[^;]*(?:javascript|ecmascript|json|xml)\b)", re.IGNORECASE).match

# Images, sounds, films, fonts, archives, programs and documents of other kinds.
_SIGNATURE = re.compile(
    rb"\x89PNG|GIF8|\xff\xd8\xff|BM|II\*\0|MM\0\*|8BPS|\0\0[\x01\x02]\0|\0{3}\x0cjP|AT&TFORM"
    rb"|RIFF|OggS|MThd|ID3|fLaC|FLV\x01|[CFZ]WS|\xff[\xf2\xf3\xfa\xfb]|\x1aE\xdf\xa3|.{4}ftyp|\0\0\x01[\xb3\xba]|0&\xb2u"
    rb"|wOF[F2]|OTTO|ttcf|\0\x01\0\0|\x1f[\x8b\x9d]|PK[\x03\x05\x07]|Rar!|7z\xbc\xaf|BZh|\xfd7zXZ|\(\xb5/\xfd|\x04\"M\x18|MSCF"
    rb"|MZ|\x7fELF|\xca\xfe\xba\xbe|\0asm|\xd0\xcf\x11\xe0|SQLite format|%PDF-|%!PS|.{257}ustar",
    re.DOTALL,
).match


class Kind(Enum):
    """The type of a body; XML counts as HTML, because a page may be written in it."""

    PDF = "pdf"
    HTML = "html"
    OTHER = "other"
    EMPTY = "empty"


def sniff(head: bytes, content_type: str | None = None) -> Kind:
    """Return the type of the body that begins with ``head``.

    ``head`` is its first ``HEAD_SIZE`` bytes, or all of it. ``content_type`` is the declared type. It only decides
    whether what has no tags is a page.
    """
    head = bytes(head[:HEAD_SIZE])
    if not head:
        return Kind.EMPTY
    text = _narrow(head)
    if _PAGE.match(text):
        return Kind.PDF if _is_announced_pdf(head, content_type) else Kind.HTML
    if _is_pdf(head):
        return Kind.PDF
    return Kind.HTML if _FRAGMENT.match(text) or _declared_html(text, content_type) else Kind.OTHER


def _is_announced_pdf(head: bytes, content_type: str | None) -> bool:
    """Return whether markup stands before a PDF that is declared as one, as what a server's program reports may."""
    return bool(_HEADER in head and _HEADER_LINE.search(head) and "pdf" in (content_type or "").lower())


def _is_pdf(head: bytes) -> bool:
    """Return whether the body is a PDF, possibly after other bytes.

    An archive may not precede the header. After warnings of PHP (``<br />``), the header must begin a line.
    """
    if head.startswith(_HEADER):
        return True
    if _ARCHIVE.match(head):
        return False
    return bool(_HEADER_LINE.search(head)) if _FRAGMENT.match(head) else _HEADER in head


def is_doubtful(head: bytes, content_type: str | None) -> bool:
    """Return whether a PDF that begins with ``head`` may be a text that speaks of PDFs.

    It may if something stands before its header, and it was declared as text or begins as a page does.
    """
    if head.startswith(_HEADER):
        return False
    return _TEXT_TYPE(content_type or "") is not None or _PAGE.match(head) is not None


def _declared_html(text: bytes, content_type: str | None) -> bool:
    """Return whether a body is declared as a page and is not known to be something else.

    Browsers show such a page whatever control characters are in it.
    """
    declared = (content_type or "").partition(";")[0].strip().lower()
    if declared not in _HTML_TYPES:
        return _XML_TYPE(declared) is not None and _XML(text) is not None
    return not _BINARY.search(text) or not (_SIGNATURE(text) or _is_dense(text))


def _is_dense(text: bytes) -> bool:
    """Return whether control characters are as frequent as in data that is not text."""
    rest = text.replace(b"\0", b"")
    return len(_CONTROL.findall(rest)) * 12 >= len(rest)


def _narrow(head: bytes) -> bytes:
    """Return ``head`` with one byte per character, where it has two."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "ignore").encode("ascii", "replace")
    if codec := utf16_without_mark(head):
        return head.decode(codec, "ignore").encode("ascii", "replace")
    return head
