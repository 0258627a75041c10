"""The rules for attributes that any element may have."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from pdfspider.discovery.rules import Reference, says_pdf, text_rule
from pdfspider.discovery.scripts import files_in, named_address, plain, targets_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATA = re.compile(r"""data-([\w:.-]{1,60}+)\s{0,9}=\s{0,9}(?:"([^"]{1,65536}+)"|'([^']{1,65536}+)')""", re.IGNORECASE)
_EVENT = re.compile(
    r"""\son(?:click|dblclick|mousedown|mouseup|keypress|submit)\s{0,9}=\s{0,9}(?:"([^"]{1,8192}+)"|'([^']{1,8192}+)')""",
    re.IGNORECASE,
)
_OPENED = re.compile(r"""window\.open\(\s{0,9}["']([^"'<>\s]{1,2048}+)["'](?!\s{0,9}\+)""").finditer


@text_rule("data-attribute", "data-")
def data_attributes(html: str) -> Iterator[Reference]:
    """Find ``data-pdf="/get/7"``, ``data-src="report.pdf"``, ``data-options='{"pdfUrl": …}'``."""
    for match in _DATA.finditer(html):
        if "pdf" not in match[0].lower():
            continue
        value = unescape(match[2] or match[3]).strip()
        if value[:1] in ("{", "["):
            yield from files_in(value)
        elif (says_pdf(value) and not any(map(str.isspace, value))) or named_address(match[1], value):
            yield Reference(value, document=True)


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
