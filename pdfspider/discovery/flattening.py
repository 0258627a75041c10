"""The tree of a page, built in bounded time."""

from __future__ import annotations

import re
from functools import cache

from selectolax.lexbor import LexborHTMLParser

from pdfspider.discovery.rules import RULES

# Building a tree as the HTML standard tells takes time quadratic in its depth: at worst 0.3 s for this many tags,
# but minutes for twenty times as many.
MANY_TAGS = 8_192
_LONGEST_TEXT = 100


def tree_of(html: str) -> LexborHTMLParser:
    return LexborHTMLParser(flatten(html) if html.count("<") > MANY_TAGS else html)


def flatten(html: str) -> str:
    """Only the elements that the rules look at, side by side, for pages whose tree may be deep."""
    return "".join(map(_element, _elements().finditer(html)))


@cache
def _elements() -> re.Pattern[str]:
    """For what contains no elements, scripts, and all that the rules look at; made when all rules are there."""
    names = "|".join(sorted({*RULES, "base"} - {"script"}))
    return re.compile(
        r"<!--(?:.*?-->|.*)|<(style|textarea|title|xmp)\b(?:.*?</\1|.*)"
        r"|<(script)(\s[^<>]{,8192})?>(?:(.*?)</script|.*)"
        rf"|<({names})(\s[^<>]{{,8192}})>([^<]*+)",
        re.IGNORECASE | re.DOTALL,
    )


def _element(match: re.Match[str]) -> str:
    _, script, kind, source, name, attributes, text = match.groups()
    if script:
        return f"<script{kind or ''}>{source or ''}</script>"
    if not name:
        return ""
    shown = text.strip()[:_LONGEST_TEXT]
    return f"<{name}{attributes}>{shown}</{name}>"
