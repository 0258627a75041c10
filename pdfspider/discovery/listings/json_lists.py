"""Read JSON that lists files: JSON Feed, OPDS 2, linksets, and the REST interfaces of repositories, DSpace's too.

An object is a file's if it says so by its type, or if an address in it ends in ``.pdf``. Of other addresses only those
of pages in a feed, and of further parts of the list, are taken.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pdfspider.discovery.rules import Reference, never_page, says_pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Found = Iterator[tuple[str, Reference]]

MAX_VALUES = 500_000
"""Values of one list that are examined."""
MAX_URLS = 50_000
MAX_TYPES = 10
"""Types of one file that are looked at."""
_IS_JSON = re.compile(r"[\w.-]+/(?:[\w.-]+\+)?(?:json|ld\+json)\s*(?:;|\Z)", re.IGNORECASE).match
_FETCHED = frozenset(("script-url", "json-next"))
_MAY_BE_JSON = re.compile(
    r"\s*(?:text/(?:html|plain|javascript)|application/(?:x-)?javascript)?\s*(?:;|\Z)", re.IGNORECASE
).match
_LOOKS_LIKE_JSON = re.compile(r"\ufeff?\s*+(?:\{\s*+\"[^\"]{1,100}+\"\s*+:|\[\s*+(?:\{\s*+\"|\"|\[\s*+\"))").match
_BEGINS = re.compile(r"\ufeff?\s*+[\[{]").match
_ADDRESS = re.compile(r"https?://\S+\Z|//[\w-]+\.\S+\Z|\.{0,2}/[^/\s]\S*\Z|[^\s:/?#]+/\S+\Z", re.IGNORECASE).match
_FIELD = re.compile(
    r"(?:.*_)?(?:url|uri|href|link|src|path|file|self|download|target|source)\Z|.*(?:Url|Href|Link)\Z|@?id\Z"
).match
_TYPES = ("type", "mime", "mime_type", "mimetype", "mimeType", "mediaType", "contentType", "content_type", "format")
_EXTENSIONS = ("ext", "extension", "fileExtension", "file_extension", "fileType", "file_type")
_FILE_NAMES = ("name", "filename", "fileName", "file_name", "key", "originalName", "original_name")
_WHOLE_ADDRESS = re.compile(r"(?:https?:/)?/[^\s\r\n]", re.IGNORECASE).match
_LINKS_TO_FILE = ("content", "download", "downloadUrl", "self")
"""The links of a file, the first of which leads to its content."""
_OTHER_FILE = re.compile(r"\.(?!pdf\Z)[a-z0-9]{2,5}\Z", re.IGNORECASE).search


def is_json(head: str, content_type: str | None, technique: str | None) -> bool:
    """Return whether a text that begins with ``head`` is JSON, as declared; what a script fetches may only look so."""
    if _BEGINS(head) is None:
        return False
    if _IS_JSON(content_type or ""):
        return True
    return bool(technique in _FETCHED and _MAY_BE_JSON(content_type or "") and _LOOKS_LIKE_JSON(head))


def described(text: str, url: str, cut: Callable[[int], object]) -> Found:
    """Yield the files in JSON, the pages of a feed, and the next part; ``cut`` is told how many values are left."""
    if _is_vast(text):
        cut(1)
        return
    try:
        waiting: list[Any] = [json.loads(text.lstrip("\ufeff"))]
    except (ValueError, RecursionError):
        return
    feed = isinstance(waiting[0], dict) and "jsonfeed.org" in _text(waiting[0].get("version"))
    nodes = found = 0
    while waiting and nodes < MAX_VALUES and found < MAX_URLS:
        node = waiting.pop()
        nodes += 1
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            for one in _of_object(node, feed=feed):
                found += 1
                yield one
            waiting += reversed(node.values())
    if waiting:
        cut(len(waiting))


def html_in(text: str) -> str:
    """Return the pieces of HTML in JSON, joined: entries of a feed, cells of a table."""
    if ("href=" not in text and "src=" not in text) or _is_vast(text):
        return ""
    try:
        waiting: list[Any] = [json.loads(text.lstrip("\ufeff"))]
    except (ValueError, RecursionError):
        return ""
    pieces, nodes = list[str](), 0
    while waiting and nodes < MAX_VALUES:
        node = waiting.pop()
        nodes += 1
        if isinstance(node, str):
            pieces += [node] if "<" in node else []
        elif isinstance(node, list | dict):
            waiting += reversed(node if isinstance(node, list) else node.values())
    return "\n".join(pieces)


def _is_vast(text: str) -> bool:
    """Return whether JSON has so many values that they would take hundreds of megabytes."""
    return text.count("{") + text.count("[") > MAX_VALUES or text.count(",") > 2 * MAX_VALUES


def _text(value: Any) -> str:
    """Return a text, and "" for anything else: what is nested would be written out at each of its levels."""
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return list(map(_text, value[:MAX_TYPES] if isinstance(value, list) else [value]))


def _of_object(node: dict[str, Any], *, feed: bool) -> Found:
    is_pdf = _is_pdf(node)
    for name, value in node.items():
        if isinstance(value, str):
            yield from _of_field(node, name, value, is_pdf=is_pdf, feed=feed)
    if node.get("rel") == "next" and isinstance(node.get("href"), str):
        yield "json-next", Reference(node["href"])
    if is_pdf and isinstance(links := node.get("links"), dict):
        yield from _of_file(links)
    if isinstance(file := node.get("dataFile"), dict) and _is_pdf(file) and isinstance(file.get("id"), int):
        yield "json", Reference(f"/api/access/datafile/{file['id']}", document=True)  # Dataverse
    if "mtime" in node or "mod_time" in node:
        yield from _of_directory(node)
    if isinstance(links := node.get("_links"), dict):
        yield from _of_resource(node, links)


def _of_field(node: dict[str, Any], name: str, value: str, *, is_pdf: bool, feed: bool) -> Found:
    if (is_pdf or says_pdf(value)) and _is_address(name, value):
        if not never_page(value):
            yield "json", Reference(value, document=True)
    elif feed and name in ("url", "external_url") and "id" in node and _ADDRESS(value):
        yield "json", Reference(value)
    elif name in ("next", "next_url", "nextPage", "nextLink", "@odata.nextLink") and _ADDRESS(value):
        yield "json-next", Reference(value)


def _is_pdf(node: dict[str, Any]) -> bool:
    """Return whether an object is that of a PDF, by a type, an extension or a file's name."""
    if any("pdf" in text.lower() for name in _TYPES for text in _texts(node.get(name))):
        return True
    if any(_text(node.get(name)).lower() in ("pdf", ".pdf") for name in _EXTENSIONS):
        return True
    return any(_text(node.get(name)).lower().endswith(".pdf") for name in _FILE_NAMES)


def _is_address(name: str, value: str) -> bool:
    """Return whether a value, which says or is said to be a PDF, is an address: by the name of its field, or itself."""
    if says_pdf(value):
        return bool(_FIELD(name) or "pdf" in name.lower() or _WHOLE_ADDRESS(value))
    return bool(_FIELD(name) and _ADDRESS(value))


def _of_file(links: dict[str, Any]) -> Found:
    """Yield the address of a file's content."""
    addresses = (_href(links[name]) or _text(links[name]) for name in _LINKS_TO_FILE if name in links)
    if (address := next(filter(None, addresses), None)) and not never_page(address):
        yield "json", Reference(address, document=True)


def _of_directory(node: dict[str, Any]) -> Found:
    """Yield the file or directory in a listing of nginx or Caddy."""
    name = node.get("name")
    if not isinstance(name, str):
        return
    if node.get("type") == "file" and says_pdf(name):
        yield "json", Reference(quote(name, errors="replace"), document=True)
    elif node.get("type") == "directory" or node.get("is_dir") is True:
        yield "json-next", Reference(quote(name.rstrip("/"), errors="replace") + "/")


def _of_resource(node: dict[str, Any], links: dict[str, Any]) -> Found:
    """Yield what a resource of a DSpace leads to: an item to its bundles, these to their files, and the next part."""
    kind, name = node.get("type"), _text(node.get("name"))
    if "next" in links:
        yield "json-next", Reference(_href(links["next"]))
    if kind == "item":
        yield "json-next", Reference(_href(links.get("bundles")))
    elif kind == "bundle" and name == "ORIGINAL":
        yield "json-next", Reference(_href(links.get("bitstreams")))
    elif kind == "bitstream" and not _OTHER_FILE(name):
        yield "json", Reference(_href(links.get("content")), document=True)


def _href(link: Any) -> str | None:
    href = link.get("href") if isinstance(link, dict) else None
    return href if isinstance(href, str) else None
