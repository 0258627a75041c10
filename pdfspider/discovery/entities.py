"""Replace the character references of HTML, however long they are."""

from __future__ import annotations

import html
import re

_LONGEST = 8
"""Digits without zeros before them; no character has so many."""
_DECIMAL = re.compile(r"&#(?=[0-9])0*+([0-9]*+)").sub


def unescape(text: str) -> str:
    """Return a text with its character references replaced, as ``html.unescape`` does.

    That raises ValueError for a reference of thousands of digits, which Python does not convert.
    """
    try:
        return html.unescape(text)
    except ValueError:
        return html.unescape(_DECIMAL(lambda found: f"&#{found[1][:_LONGEST] or 0}", text))
