"""The rules for addresses that a page carries in Base64, as the data of viewers."""

from __future__ import annotations

import re
from base64 import b64decode
from itertools import islice
from typing import TYPE_CHECKING

from pdfspider.discovery.markup.scripts import MAX_SCRIPT_LENGTH, files_in
from pdfspider.discovery.rules import Reference, rule, says_pdf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborNode

MAX_VALUES = 50
"""Values of one page that are looked at."""
_VALUES = re.compile(r"""(?<=["'`=;])((?:eyJ|W3si|aHR0c)[\w+/-]{12,65536}+)(?==|%3D|["'`&#\\])""").finditer
_BEGINS = ("eyJ", "W3si", "aHR0c")
"""``{"``, ``[{"`` and ``http`` in Base64."""


@rule("script-url", "script")
def encoded_data(element: LexborNode) -> Iterable[Reference]:
    """Find the PDFs that the data of a script name."""
    text = element.text()[:MAX_SCRIPT_LENGTH]
    return in_base64(text) if any(begin in text for begin in _BEGINS) else ()


@rule("script-url", "iframe")
def encoded_address(element: LexborNode) -> Iterable[Reference]:
    """Find the PDFs that the address of a frame carries."""
    src = element.attributes.get("src") or ""
    return in_base64(f"{src}&") if any(begin in src for begin in _BEGINS) else ()


def in_base64(text: str) -> Iterator[Reference]:
    """Yield the PDFs that stand in Base64 in a text: those in JSON, and whole addresses."""
    for match in islice(_VALUES(text), MAX_VALUES):
        value = _decoded(match[1])
        if value.startswith("http"):
            if says_pdf(value):
                yield Reference(value, document=True)
        elif "pdf" in value.lower():
            yield from files_in(value)


def _decoded(value: str) -> str:
    """Return a text, "" for what is none."""
    try:
        return b64decode(f"{value}==", altchars=b"-_" if "-" in value or "_" in value else None).decode()
    except ValueError:
        return ""
