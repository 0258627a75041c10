"""Every entry of the URL standard's test data: what a browser makes of an input is what is stored."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pdfspider.discovery.urls import join, normalise
from pdfspider.exceptions import InvalidInput

ENTRIES: list[tuple[str, str | None, str | None]] = [
    (entry[0], entry[1], entry[2])
    for entry in json.loads((Path(__file__).parents[1] / "data" / "urltestdata.json").read_text())
]
HREF = re.compile(r"(https?://)(?:[^/?#]*@)?([^/?#]*)([^#]*)").match
ESCAPED_BESIDES = re.compile(r"%[0-9A-Fa-f]{2}|[%\[\]|^`{}]")

REFUSED = {
    "http://f:0/c": "nothing listens at port 0",
    "http://f:00000000000000/c": "nothing listens at port 0",
    "http://./": "DNS has no such name",
    "http://../": "DNS has no such name",
    "http://foo.09..": "DNS has no such name",
    "http://!\"$&'()*+,-.;=_`{}~/": "DNS has no such name",
}
"""What browsers take for a URL and nobody can fetch."""


def as_stored(href: str | None) -> str | None:
    """Return a browser's URL without fragment, user and empty query, and with the characters escaped that RFC 3986
    forbids; None for other schemes.
    """
    parts = HREF(href or "")
    if parts is None:
        return None
    shown = ESCAPED_BESIDES.sub(lambda found: found[0].upper() if found[0][1:] else f"%{ord(found[0]):02X}", parts[3])
    return f"{parts[1]}{parts[2]}{shown.removesuffix('?')}"


def is_the_page_itself(reference: str) -> bool:
    """Return whether browsers stay on the page, or load it again, for an empty reference or a mere fragment."""
    return not reference.strip().partition("#")[0]


def stored(reference: str, base: str | None) -> str | None:
    if base and base.startswith("http"):
        return join(base, reference)
    try:
        return normalise(reference)
    except InvalidInput:
        return None


@pytest.mark.parametrize("entry", ENTRIES, ids=range(len(ENTRIES)))
def test_a_url_is_what_browsers_make_of_it(entry: tuple[str, str | None, str | None]) -> None:
    reference, base, href = entry
    left_out = reference in REFUSED or is_the_page_itself(reference)
    assert stored(reference, base) == (None if left_out else as_stored(href))


def test_the_entries_are_there() -> None:
    assert len(ENTRIES) > 700
    assert sum(as_stored(href) is not None for _, _, href in ENTRIES) > 240
    assert {reference for reference, *_ in ENTRIES} >= REFUSED.keys()
