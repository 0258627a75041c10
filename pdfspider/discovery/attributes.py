"""The rules for attributes that any element may have."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from pdfspider.discovery.rules import Reference, never_page, says_pdf, text_rule
from pdfspider.discovery.scripts import files_in, is_spaced_file, named_address, plain, targets_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATA = re.compile(r"""data-([\w:.-]{1,60}+)\s{0,9}=\s{0,9}(?:"([^"]{1,65536}+)"|'([^']{1,65536}+)')""", re.IGNORECASE)
_EVENT = re.compile(
    r"""\son(?:click|dblclick|mousedown|mouseup|keypress|submit)\s{0,9}=\s{0,9}(?:"([^"]{1,8192}+)"|'([^']{1,8192}+)')""",
    re.IGNORECASE,
)
_CALLS = re.compile(r"""[\w$]\(\s{0,9}["']""").search
_NAMES_FILE = re.compile(r"href|url|src|file|pdf|link|path|download|target|popup|document", re.IGNORECASE).search
_SAYS_FORMAT = re.compile(r"(?:https?://|[.]{0,2}/)[^\s<>]*[/=]pdf(?:[/&?#]|\Z)", re.IGNORECASE).match
"""An address with a segment, or a value in its query, that is ``pdf``."""
_OPENED = re.compile(r"""window\.open\(\s{0,9}["']([^"'<>\r\n\t]{1,2048}+)["'](?!\s{0,9}\+)""").finditer


@text_rule("data-attribute", "data-")
def data_attributes(html: str) -> Iterator[Reference]:
    """Find ``data-pdf="/get/7"``, ``data-src="report.pdf"``, ``data-options='{"pdfUrl": …}'``."""
    for match in _DATA.finditer(html):
        if "pdf" not in match[0].lower():
            continue
        value = unescape(match[2] or match[3]).strip()
        if value[:1] in ("{", "["):
            yield from files_in(value)
        elif "(" in value and _CALLS(value):
            yield from opened_by(value)
        elif _is_file(match[1], value) or named_address(match[1], value):
            yield Reference(value, document=True)
        elif _SAYS_FORMAT(value) and not never_page(value):
            yield Reference(value)


def _is_file(name: str, value: str) -> bool:
    """Return whether the value of an attribute is the address of a PDF."""
    if not any(map(str.isspace, value)):
        return says_pdf(value)
    return is_spaced_file(value, named="/" in value or bool(_NAMES_FILE(name)))


@text_rule("event", "click")
def events(html: str) -> Iterator[Reference]:
    """Find what a click opens."""
    for match in _EVENT.finditer(html):
        yield from opened_by(unescape(match[1] or match[2]))


def opened_by(script: str) -> Iterator[Reference]:
    """Yield what a short script opens: a PDF in quotes, or any page in this or a new window."""
    if "pdf" in script.lower():
        yield from files_in(script)
    for match in _OPENED(script):
        yield Reference(plain(match[1]))
    yield from targets_in(script)
