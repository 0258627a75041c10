"""Read robots directives: those of ``X-Robots-Tag``, of ``<meta name="robots">``, and ``rel="nofollow"``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from selectolax.lexbor import LexborHTMLParser, LexborNode

NOFOLLOW, NOINDEX, REL_NOFOLLOW = "nofollow", "noindex", "rel-nofollow"
DIRECTIVES = frozenset((NOFOLLOW, NOINDEX, REL_NOFOLLOW))
NOFOLLOW_MARKER = "nofollow"
"""No link has ``rel="nofollow"`` in a text without it."""
LINK_ELEMENTS = frozenset(("a", "area", "form"))
"""Elements that may have ``rel="nofollow"``."""
ANY_AGENT = "robots"
MAX_DIRECTIVES = 20
"""Different directives of one response that are kept."""
MAX_DIRECTIVE_LENGTH = 100
MAX_CONTENT_LENGTH = 8_192
"""Characters of a meta element that are read."""

_VALUED = frozenset(("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"))
"""Directives that have a colon and a value."""
_NAME = re.compile(r"\s*([\w.-]+)\s*").fullmatch
_SEPARATOR = re.compile("[,;]").split
_FORBIDS = re.compile(r"no[a-z]+(?: no[a-z]+)*").fullmatch
_PRODUCT = re.compile(r"(?<![\w./-])([a-z][\w-]*)/", re.IGNORECASE).findall
_FIRST_WORD = re.compile(r"\W*([\w-]+)").match


def robot_names(user_agent: str) -> frozenset[str]:
    """Return the names, in lower case, under which directives are for the crawler with this user agent."""
    names = _PRODUCT(user_agent.partition("://")[0])
    if not names and (word := _FIRST_WORD(user_agent)):
        names = [word[1]]
    return frozenset(name.lower() for name in names)


def of_headers(values: Iterable[str], names: Collection[str]) -> set[str]:
    """Return the directives in the values of ``X-Robots-Tag`` that are for everybody or for one of these names.

    A name before a colon is that of the robot to which the rest of the value applies, up to the next name.
    """
    found: set[str] = set()
    for value in values:
        concerned = True
        for part in _SEPARATOR(value.lower()):
            before, colon, after = part.partition(":")
            named = _NAME(before) if colon else None
            if named is None or named[1] in _VALUED:
                directive = part
            else:
                concerned, directive = named[1] in names, after
            if concerned:
                found.update(_of(directive))
    return _bounded(found)


def of_content(content: str) -> set[str]:
    """Return the directives in the ``content`` of a meta element for robots."""
    return _bounded({each for part in _SEPARATOR(content[:MAX_CONTENT_LENGTH].lower()) for each in _of(part)})


def _of(directive: str) -> Iterable[str]:
    """Return what a directive forbids; one that allows, or says how a result is shown, forbids nothing."""
    directive = " ".join(directive[: 2 * MAX_DIRECTIVE_LENGTH].split())[:MAX_DIRECTIVE_LENGTH]
    if directive == "none":
        return NOINDEX, NOFOLLOW
    if _FORBIDS(directive):
        return directive.split()
    return (directive,) if directive.startswith("unavailable_after") else ()


def _bounded(found: set[str]) -> set[str]:
    if len(found) <= MAX_DIRECTIVES:
        return found
    return set(sorted(found, key=lambda directive: (directive not in (NOINDEX, NOFOLLOW), directive))[:MAX_DIRECTIVES])


class PageDirectives:
    """The directives of one page.

    ``found`` are those of its meta elements. ``nofollow`` counts its links with ``rel="nofollow"``, which are left out
    unless ``keeps_nofollow``.
    """

    def __init__(self, names: frozenset[str] = frozenset(), *, keeps_nofollow: bool = True) -> None:
        self.found: set[str] = set()
        self.nofollow = 0
        self._names, self._keeps_nofollow = names, keeps_nofollow

    def summary(self) -> tuple[set[str], int, int]:
        """Return the directives, the number of links with ``rel="nofollow"``, and how many of these are left out."""
        return self.found, self.nofollow, 0 if self._keeps_nofollow else self.nofollow

    def read(self, tree: LexborHTMLParser) -> None:
        """Add the directives of the meta elements."""
        for element in tree.tags("meta"):
            attributes = element.attributes
            name = (attributes.get("name") or "").strip().lower()
            if name and (name == ANY_AGENT or name in self._names):
                self.found |= of_content(attributes.get("content") or "")

    def admitted(self, elements: list[LexborNode]) -> list[LexborNode]:
        """Count the links with ``rel="nofollow"``, and return the elements whose links are followed."""
        followed = [element for element in elements if not _has_nofollow(element)]
        self.nofollow += len(elements) - len(followed)
        return elements if self._keeps_nofollow else followed


def _has_nofollow(element: LexborNode) -> bool:
    return NOFOLLOW in (element.attributes.get("rel") or "").lower().split()
