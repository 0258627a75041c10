"""The links of a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser
from w3lib.encoding import html_body_declared_encoding, read_bom, resolve_encoding

from pdfspider.discovery.rules import RULES
from pdfspider.discovery.urls import join
from pdfspider.items import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

_SELECTOR = ", ".join(RULES)
_NEVER_PAGE = re.compile(
    r"png|jpe?g|gif|svg|webp|ico|css|js|woff2?|ttf|mp3|mp4|avi|mov|webm"
    r"|zip|t?gz|bz2|xz|tar|rar|7z|exe|deb|rpm|dmg|iso|jar|apk"
).fullmatch

# Python has codecs that are no charsets; some of them are slow on purpose-made input.
_CHARSET = re.compile(r"utf|cp|iso|koi|mac|big5|gb|euc|shift|hz|tis|johab|ptcp|kz|ascii").match

# Building a tree as the HTML standard tells takes time quadratic in its depth: at worst 0.3 s for this many tags,
# but minutes for twenty times as many.
_MANY_TAGS = 8_192
_FLAT = re.compile(
    r"<!--(?:.*?-->|.*)|<(script|style|textarea|title|xmp)\b(?:.*?</\1|.*)"
    rf"|<({'|'.join(RULES)}|base)(\s[^<>]{{,8192}})>",
    re.IGNORECASE | re.DOTALL,
)


def links(body: bytes | str, base_url: str, encoding: str | None = None) -> list[Link]:
    """The links of the page at ``base_url``, in document order, each URL once, without the page itself.

    ``encoding`` is the charset of the Content-Type header, if it has one. Never raises, whatever the body.
    """
    page = join(base_url, base_url)
    found: dict[str, Link] = {}
    for link in _all_links(body, base_url, encoding):
        known = found.get(link.url)
        if (known is None or (link.document and not known.document)) and link.url != page:
            found[link.url] = link
    return list(found.values())


def says_pdf(url: str) -> bool:
    """Whether the file name or a query value of a normalised ``url`` ends in ``.pdf``."""
    if ".pdf" not in url.lower():
        return False
    path, _, query = url.lower().partition("?")
    name = path.rpartition("/")[2].partition(";")[0]
    return name.endswith(".pdf") or any(field.endswith(".pdf") for field in query.split("&"))


def _all_links(body: bytes | str, base_url: str, label: str | None) -> Iterator[Link]:
    html, encoding = _decode(body, label)
    tree = LexborHTMLParser(_flatten(html) if html.count("<") > _MANY_TAGS else html)
    base = _base(tree, base_url)
    for element in tree.css(_SELECTOR):
        for technique, find in RULES[element.tag or ""]:
            for href, hinted in find(element):
                url = join(base, href, encoding) if href else None
                if url is None:
                    continue
                document = hinted or says_pdf(url)
                if document or _may_be_page(url):
                    yield Link(url, technique, document)


def _base(tree: LexborHTMLParser, base_url: str) -> str:
    element = tree.css_first("base[href]")
    href = element.attributes.get("href") if element else None
    return (href and join(base_url, href)) or base_url


def _may_be_page(url: str) -> bool:
    return _NEVER_PAGE(url.partition("?")[0].rpartition(".")[2].lower()) is None


def _decode(body: bytes | str, label: str | None) -> tuple[str, str]:
    """The text and its encoding, found as browsers do: byte-order mark, header, meta element, guess."""
    if isinstance(body, str):
        return body, _charset(label) or "utf-8"
    encoding, mark = read_bom(body)
    if encoding is not None and mark is not None:
        body = body[len(mark) :]
    else:
        encoding = _charset(label) or _charset(html_body_declared_encoding(body)) or _guess(body)
    return body.decode(encoding, "replace"), encoding


def _charset(label: str | None) -> str | None:
    name = resolve_encoding(label) if label else None
    return name if name and _CHARSET(name) else None


def _guess(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _flatten(html: str) -> str:
    """Only the elements that the rules look at, side by side, for pages whose tree may be deep."""
    return "".join(f"<{name}{attributes}></{name}>" for _, name, attributes in _FLAT.findall(html) if name)
