"""Read the answers of CDX APIs, by which web archives list what they have of a site.

Four forms are read: rows of JSON with their names in the first one (the Wayback Machine), a JSON object on each line
(pywb, Common Crawl), CDXJ, and lines of CDX with eleven fields or seven. See
https://github.com/internetarchive/wayback/tree/master/wayback-cdx-server and
https://pywb.readthedocs.io/en/latest/manual/cdxserver_api.html.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from pdfspider.discovery.rules import Reference, says_pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST = 50_000
"""Rows of one answer that are read."""
_ROWS = re.compile(r"\s*\[\s*\[\s*\"(?:[^\]\[]*\")?original\"").match
_OBJECT = re.compile(
    r"\s*(?:![^\n]*\n\s*)*+"
    r"(?:\S+ \d{14} \{|\{(?=[^\n{}]*\"(?:timestamp|urlkey|digest|status(?:code)?|mime(?:type|-detected)?)\":))"
    r"[^\n]*\"(?:url|original)\":\s*\""
).match
_LINE = re.compile(r"(?: CDX [^\n]*\n)?\S+ \d{14} (?:https?://|warc/|dns:|ftp:)\S+ \S+ \S+ ", re.IGNORECASE).match
_ROW = re.compile(r"\[(?:[^\[\]\"]++|\"(?:[^\"\\]++|\\.)*+\")*+\]", re.DOTALL).finditer
_EACH_LINE = re.compile(r"[^\r\n]++").finditer
_PAGE = re.compile(r"[0-9]{1,18}").fullmatch
_TAIL = 4_096
_KEY_ROW = re.compile(r"\[\s*\]\s*,\s*\[\s*\"([^\"\\]+)\"\s*\]\s*\]\s*\Z").search
_KEY_LINE = re.compile(r"\n\s*\n([^\r\n]+)\s*\Z").search
_GOOD = ("200", "226", "-", "")
"""Statuses of captures that hold a document; revisits have none."""
_REVISIT = "warc/revisit"


class _Capture(NamedTuple):
    url: str
    type: str
    status: str


def is_cdx(text: str) -> bool:
    """Return whether a text begins as the answer of a CDX API does."""
    return bool(_ROWS(text) or _OBJECT(text) or _LINE(text))


def captured(text: str, url: str, cut: Callable[[int], object]) -> Iterator[tuple[str, Reference]]:
    """Yield the PDFs that the answer from ``url`` lists, each once, and its next part.

    ``cut`` is called with the number of rows beyond the bound.
    """
    found, following = (_rows(text), _KEY_ROW(text[-_TAIL:])) if _ROWS(text) else (_lines(text), _key_line(text))
    captures = [capture for capture in islice(found, _LONGEST) if capture.url]
    if left := sum(1 for _ in found):
        cut(left)
    seen = set[str]()
    for capture in captures:
        if capture.url not in seen and _holds_pdf(capture):
            seen.add(capture.url)
            yield "cdx", Reference(capture.url, document=True)
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    if following:
        yield "cdx-next", Reference(f"?{urlencode(query | {'resumeKey': following[1].strip()})}")
    elif captures and _PAGE(query.get("page", "")):
        yield "cdx-next", Reference(f"?{urlencode(query | {'page': str(int(query['page']) + 1)})}")


def _holds_pdf(capture: _Capture) -> bool:
    if capture.status not in _GOOD or not capture.url.lower().startswith(("http://", "https://")):
        return False
    return "pdf" in capture.type.lower() or (capture.type in {_REVISIT, "-", ""} and says_pdf(capture.url))


def _rows(text: str) -> Iterator[_Capture]:
    """Yield the captures in rows of JSON, of which the first has the names."""
    names: list[str] | None = None
    for match in _ROW(text, text.index("[") + 1):
        try:
            row = json.loads(match[0])
        except (ValueError, RecursionError):
            continue
        if names is None:
            names = [str(name) for name in row]
        elif not row:  # before the key of the next part
            return
        else:
            yield _capture(dict(zip(names, row, strict=False)))


def _lines(text: str) -> Iterator[_Capture]:
    """Yield the captures of lines."""
    found = (_of_line(match[0]) for match in _EACH_LINE(text))
    return (capture for capture in found if capture is not None)


def _key_line(text: str) -> re.Match[str] | None:
    """Return the match for the key of the next part, which follows an empty line."""
    return _KEY_LINE(text[-_TAIL:])


def _of_line(line: str) -> _Capture | None:
    start = line.find("{")
    if start >= 0:
        try:
            found = json.loads(line[start:])
        except (ValueError, RecursionError):
            return None
        return _capture(found) if isinstance(found, dict) else None
    fields = line.split(" ")
    return _Capture(*fields[2:5]) if len(fields) >= 7 and fields[1].isdecimal() else None


def _capture(fields: dict[str, Any]) -> _Capture:
    url = fields.get("original") or fields.get("url") or ""
    kind = fields.get("mime-detected") or fields.get("mimetype") or fields.get("mime") or ""
    return _Capture(str(url), str(kind), str(fields.get("statuscode") or fields.get("status") or ""))
