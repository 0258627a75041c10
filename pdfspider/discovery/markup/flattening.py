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
LARGE_SIZE = 64 * 1024
"""Characters; at worst half a second. Sixteen times as many take minutes."""
SLICE_SIZE = 1024 * 1024
"""Characters that one search covers before other threads may run."""
BATCH_SIZE = 8_192
"""Elements that become one tree."""
MAX_ATTRIBUTES = 200
"""Attributes of one element, where it has very many."""
_LONGEST_TEXT = 100
_LONGEST_ATTRIBUTES = 8_192
_MANY_QUOTED = 1_000


def trees_of(html: str, most: int | None, cut: Callable[[], object]) -> Iterator[LexborHTMLParser]:
    """Yield the tree of a page.

    A page that is large, or whose tree may be deep, becomes several trees. These have only the elements that the rules
    examine, side by side, and at most ``most`` of them. ``cut`` is called if there are more.
    """
    if len(html) <= LARGE_SIZE and html.count("<") <= MANY_TAGS:
        yield LexborHTMLParser(html)
        return
    search = _elements(every=_has_quoted_tags(html)).finditer
    elements = filter(None, map(_element, chain.from_iterable(map(search, slices(html)))))
    bounded = islice(elements, most)
    while batch := "".join(islice(bounded, BATCH_SIZE)):
        yield LexborHTMLParser(batch)
    if next(elements, None) is not None:
        cut()


def with_end_tags(xhtml: str) -> str:
    """Return XHTML in which no element swallows what follows, as ``<script src="a.js"/>`` does in HTML."""
    return _SELF_CLOSED(r"<\1\2></\1>", xhtml) if "/>" in xhtml else xhtml


def _has_quoted_tags(html: str) -> bool:
    """Return whether a value in some tag may have ``<`` or ``>`` in it."""
    for number, quoted in enumerate(_QUOTED(html)):
        start = html.rfind("<", max(0, quoted.start() - _LONGEST_ATTRIBUTES), quoted.start())
        if number >= _MANY_QUOTED or (html[start + 1].isalpha() and html.find(">", start, quoted.start()) < 0):
            return True
    return False


def slices(html: str) -> Iterator[str]:
    """Yield a page in parts, each of which ends before a tag if possible."""
    start = 0
    while len(html) - start > SLICE_SIZE:
        end = html.rfind("<", start + 1, start + SLICE_SIZE)
        end = end if end > 0 else start + SLICE_SIZE
        yield html[start:end]
        start = end
    yield html[start:] if start else html


_NAME = r"[^\s/>]"
_LONG_NAME = r"[^\s/>=]"
_VALUE = r"""(?:"[^"]{0,1048576}+"|'[^']{0,1048576}+'|[^\s>"'][^\s>]*+)"""
_ATTRIBUTE = rf"{_NAME}{_LONG_NAME}*+(?:\s*+=\s*+{_VALUE}?+)?+"
_ATTRIBUTES = rf"(?:[\s/]++|{_ATTRIBUTE})*+"
_INLINE = "abbr|b|br|code|div|em|font|h[1-6]|i|img|p|small|span|strong|sub|sup|u"
_TAG = re.compile(rf"</?[a-z]{_ATTRIBUTES}>?", re.IGNORECASE)
_IMAGE = re.compile(rf"<img(?=[\s/]){_ATTRIBUTES}>", re.IGNORECASE).search
_EACH = re.compile(_ATTRIBUTE).finditer
_QUOTED = re.compile(r"""=\s*+(?:"[^"<>]*+[<>]|'[^'<>]*+[<>])""").finditer
_SELF_CLOSED = re.compile(
    r"""<(script|style|title|textarea|iframe|xmp|noembed|noframes|a|object)\b((?:[^<>"'/]++|/(?!>)|"[^"<]*+"|'[^'<]*+')*+)/>""",
    re.IGNORECASE,
).sub
_WITHOUT_ATTRIBUTES = frozenset(("button", "option"))
_OPEN = frozenset(("form", "/form", "select", "/select"))
"""Stand around others and are kept as such, for what is in a form belongs to it."""


@cache
def _elements(*, every: bool) -> re.Pattern[str]:
    """Return the pattern for comments, scripts and tags, each as a whole, as browsers split a page into them.

    It has the tags that the rules look at, or ``every`` tag. It is compiled when all rules are registered.
    """
    names = "|".join(sorted({*RULES, "base", "input", "button", "select", "option", "textarea"} - {"script", "iframe"}))
    attributes = _ATTRIBUTES if every else "[^<>]*+"
    inline = rf"</?(?:{_INLINE})(?=[\s/>]){attributes}>"
    other = rf"|[a-z]{attributes}>?" if every else ""
    return re.compile(
        r"<(?:!--(?:-?>|.*?--!?>|.*)|[!?][^>]*+"
        rf"|(style|textarea|title|xmp|noembed)(?=[\s/>]){attributes}>(?:.*?</\1|.*)"
        rf"|(script)(?=[\s/>])({attributes})>(?:(.*?)</script|(.*))"
        rf"|(iframe)(?=[\s/>])({attributes})>(?:.*?</iframe|.*)"
        rf"|(/form|/select|(?:{names})(?=[\s/>]))({attributes})>([^<]*+(?:{inline}[^<]*+){{0,8}}+){other})",
        re.IGNORECASE | re.DOTALL,
    )


def _element(match: re.Match[str]) -> str:
    _, script, kind, source, rest, frame, of_frame, name, attributes, text = match.groups()
    if script:
        return f"<script{_bounded(kind)}>{source or rest or ''}</script>"
    if frame:
        return f"<iframe{_bounded(of_frame)}></iframe>"
    if not name:
        return ""
    if name.lower() in _OPEN:
        return f"<{name}{_bounded(attributes)}>"
    if "=" not in attributes and name.lower() not in _WITHOUT_ATTRIBUTES:
        return ""
    return f"<{name}{_bounded(attributes)}>{_shown(text) if '<' in text else text.strip()[:_LONGEST_TEXT]}</{name}>"


def _bounded(attributes: str) -> str:
    """Return attributes of an element, as many as a parser takes without trouble."""
    if len(attributes) <= _LONGEST_ATTRIBUTES:
        return attributes
    return f" {' '.join(one[0] for one in islice(_EACH(attributes), MAX_ATTRIBUTES))}"


def _shown(text: str) -> str:
    """Return the text in an element without its tags, or an image if there is no text."""
    if shown := _TAG.sub("", text).strip():
        return shown[:_LONGEST_TEXT]
    image = _IMAGE(text)
    return image[0] if image else ""
