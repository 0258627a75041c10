"""Documents within a page: those that frames carry in ``srcdoc``, and declarative shadow roots."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

DEPTH = 3
"""How deep documents stand in each other that are searched."""
_MODES = ("shadowrootmode", "shadowroot")


def documents_in(tree: LexborHTMLParser) -> list[str]:
    """Return the HTML of the documents in a page; their base is that of the page."""
    found = [source for frame in tree.tags("iframe") if (source := frame.attributes.get("srcdoc"))]
    for fragment in tree.template_fragments() if tree.tags("template") else ():
        template = fragment.parent
        if template and any(mode in template.attributes for mode in _MODES):
            found.append(fragment.html or "")
    return found
