"""Documents within a page: those that frames carry in ``srcdoc``, and declarative shadow roots."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

DEPTH = 3
"""Levels of nested documents that are searched."""
_MODES = ("shadowrootmode", "shadowroot")


class Inner(NamedTuple):
    """The HTML of a document in a page; it may have a base of its own, or has that of the page."""

    html: str
    has_base: bool


def documents_in(tree: LexborHTMLParser) -> list[Inner]:
    """Return the documents in a page."""
    found = [Inner(source, True) for frame in tree.tags("iframe") if (source := frame.attributes.get("srcdoc"))]
    for fragment in tree.template_fragments() if tree.tags("template") else ():
        template = fragment.parent
        if template and any(mode in template.attributes for mode in _MODES):
            found.append(Inner(fragment.html or "", False))
    return found
