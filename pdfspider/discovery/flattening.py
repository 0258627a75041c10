"""Build the trees of a page in bounded time and memory."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser

from pdfspider.discovery.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Building a tree as the HTML standard tells takes time quadratic in its depth, and in the attributes of an element.
MANY_TAGS = 8_192
"""At worst 0.3 s; twenty times as many take minutes."""
LARGE = 64 * 1024
"""Characters; at worst half a second. Sixteen times as many take minutes."""
SLICE = 1024 * 1024
"""Characters that one search covers before other threads may run."""
BATCH = 8_192
"""Elements that become one tree."""
_LONGEST_TEXT = 100
_LONGEST_ATTRIBUTES = 8_192


def trees_of(html: str, most: int | None, cut: Callable[[], object]) -> Iterator[LexborHTMLParser]:
    """Yield the tree of a page.

    A page that is large, or whose tree may be deep, becomes several trees. These have only the elements that the rules
    examine, side by side, and at most ``most`` of them. ``cut`` is called if there are more.
    """
    if len(html) <= LARGE and html.count("<") <= MANY_TAGS:
        yield LexborHTMLParser(html)
        return
    search = _elements().finditer
    elements = filter(None, map(_element, chain.from_iterable(map(search, slices(html)))))
    bounded = islice(elements, most)
    while batch := "".join(islice(bounded, BATCH)):
        yield LexborHTMLParser(batch)
    if next(elements, None) is not None:
        cut()


def slices(html: str) -> Iterator[str]:
    """Yield a page in parts, each of which ends before a tag if possible."""
    start = 0
    while len(html) - start > SLICE:
        end = html.rfind("<", start + 1, start + SLICE)
        end = end if end > 0 else start + SLICE
        yield html[start:end]
        start = end
    yield html[start:] if start else html


@cache
def _elements() -> re.Pattern[str]:
    """Return the pattern for comments, scripts and all elements that have rules.

    It is compiled when all rules are registered.
    """
    names = "|".join(sorted({*RULES, "base"} - {"script"}))
    attributes = r"""(?:[^<>"']++|"[^"]{0,8192}+"|'[^']{0,8192}+'){0,200}+"""
    inline = rf"</?(?:{_INLINE})\b[^<>]{{0,1000}}+>"
    return re.compile(
        r"<(?:!--(?:.*?-->|.*)|(style|textarea|title|xmp)\b(?:.*?</\1|.*)"
        rf"|(script)(\s{attributes})?>(?:(.*?)</script|(.*))"
        rf"|({names})(?=[\s/])({attributes}|[^<>]{{0,8192}}+)>([^<]*+(?:{inline}[^<]*+){{0,8}}+))",
        re.IGNORECASE | re.DOTALL,
    )


_INLINE = "abbr|b|br|code|div|em|font|h[1-6]|i|img|p|small|span|strong|sub|sup|u"
_TAG = re.compile(r"<[^<>]*+>")
_IMAGE = re.compile(r"<img\b[^<>]*+>", re.IGNORECASE).search


def _element(match: re.Match[str]) -> str:
    _, script, kind, source, rest, name, attributes, text = match.groups()
    if script:
        return f"<script{kind or ''}>{source or rest or ''}</script>"
    if not name or "=" not in attributes or len(attributes) > _LONGEST_ATTRIBUTES:
        return ""
    return f"<{name}{attributes}>{_shown(text) if '<' in text else text.strip()[:_LONGEST_TEXT]}</{name}>"


def _shown(text: str) -> str:
    """Return the text in an element without its tags, or an image if there is no text."""
    if shown := _TAG.sub("", text).strip():
        return shown[:_LONGEST_TEXT]
    image = _IMAGE(text)
    return image[0] if image else ""
