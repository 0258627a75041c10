"""Read scripts that a page loads: the files and links that they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pdfspider.discovery.markup.constants import filled_in
from pdfspider.discovery.markup.scripts import MAX_SCRIPT_LENGTH, files_in, files_of_type, links_written, plain
from pdfspider.discovery.rules import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT_TECHNIQUE = "script-src"
_READ = frozenset((SCRIPT_TECHNIQUE, "script-url", "json-next"))
"""Techniques that find scripts to be read."""
_IS_SCRIPT = re.compile(r"\s*(?:text|application)/(?:x-)?(?:java|ecma)script\s*(?:;|\Z)", re.IGNORECASE).match
_BUNDLED = re.compile(r"""\b[\w$]{1,3}\.p\s?\+\s?["']([^"'<>\s]{1,300}+(?<=\.pdf))["']""", re.IGNORECASE).finditer
"""Finds the files that bundlers add to an application; they lie below its root."""


def is_script(content_type: str | None, technique: str | None) -> bool:
    """Return whether a body is a script whose links are read."""
    return technique in _READ and _IS_SCRIPT(content_type or "") is not None


def named(text: str, _: str, __: Callable[[int], object]) -> Iterator[tuple[str, Reference]]:
    """Yield what a script names."""
    text = filled_in(text[:MAX_SCRIPT_LENGTH])
    if ".pdf" in text.lower():
        for match in _BUNDLED(text):
            yield "script-url", Reference(f"/{plain(match[1])}", document=True)
    for found in (files_in(text), files_of_type(text), links_written(text)):
        for reference in found:
            yield "script-url", reference
