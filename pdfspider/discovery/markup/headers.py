"""The HTTP header ``Link`` (RFC 8288)."""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import TYPE_CHECKING

from pdfspider.discovery.markup.elements import related

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdfspider.discovery.rules import Reference

MAX_LINKS = 1_000
"""Links of one response's headers that are looked at: its headers may be as large as a page."""
_LINK = re.compile(r"<([^<>]*+)>((?:\s*+;\s*+[^\s;,=<>\"]++(?:\s*+=\s*+(?:\"[^\"]*+\"|[^\s;,\"<>]*+))?+)*+)").finditer
_PARAMETER = re.compile(r";\s*+([^\s;,=\"]++)\s*+=\s*+(?:\"([^\"]*+)\"|([^\s;,\"]*+))").findall


def linked(headers: Iterable[str]) -> Iterator[Reference]:
    """Yield the targets in the values of the header by their relations and declared types, of ``MAX_LINKS`` links."""
    for match in islice(chain.from_iterable(map(_LINK, headers)), MAX_LINKS):
        given = {name.lower(): quoted or token for name, quoted, token in reversed(_PARAMETER(match[2]))}
        kind = given.get("type", "").partition(";")[0].strip().lower()
        yield from related(match[1], given.get("rel", ""), kind)
