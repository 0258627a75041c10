"""Documents within a page: those that frames carry in ``srcdoc``, shadow roots, and templates that scripts show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

MAX_DEPTH = 3
"""Levels of nested documents that are searched."""
_MODES = ("shadowrootmode", "shadowroot")
_PLACEHOLDER = re.compile(r"""\s(?:href|src|data)=(?:"[^"{]*+[{][^"]*+"|'[^'{]*+[{][^']*+')""").sub
"""Removes addresses that a script has yet to fill in."""


class NestedDocument(NamedTuple):
    """The HTML of a document in a page; it may have a base of its own, or has that of the page."""

    html: str
    has_base: bool


def documents_in(tree: LexborHTMLParser) -> list[NestedDocument]:
    """Return the documents in a page."""
    found = [
        NestedDocument(source, True) for frame in tree.tags("iframe") if (source := frame.attributes.get("srcdoc"))
    ]
    for fragment in tree.template_fragments() if tree.tags("template") else ():
        template = fragment.parent
        if template is None or not (html := fragment.html):
            continue
        if not any(mode in template.attributes for mode in _MODES):
            html = _PLACEHOLDER("", html)
        found.append(NestedDocument(html, False))
    return found
