"""Read which options of a job are to be changed while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.exceptions import InvalidInput
from pdfspider.fields import MAX_NUMBER

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANGEABLE = {
    "delay": ("delay", 1000, 0),
    "concurrency": ("cap", 1, 1),
    "max_pages": ("max_pages", 1, 0),
    "max_documents": ("max_documents", 1, 0),
    "max_seconds": ("max_time", 1000, 0),
}
"""For each option as people name it: its name in the frontier, its factor there, and the least value."""


def read_changes(given: Mapping[str, str]) -> dict[str, int]:
    """Return the options that are named, as the frontier has them.

    Raises InvalidInput.
    """
    changes = {CHANGEABLE[name][0]: _number(name, given[name]) for name in CHANGEABLE if given.get(name)}
    if not changes:
        raise InvalidInput("nothing is named that is to be changed")
    return changes


def _number(name: str, text: str) -> int:
    _, factor, least = CHANGEABLE[name]
    try:
        number = float(text)
    except ValueError:
        raise InvalidInput(f"{name} {text[:100]} is not a number") from None
    if not least <= number <= MAX_NUMBER / factor:
        raise InvalidInput(f"{name} {text[:100]} is out of range: it must be from {least} to {MAX_NUMBER / factor:g}")
    if factor == 1 and not number.is_integer():
        raise InvalidInput(f"{name} {text[:100]} is not a whole number")
    return round(number * factor)
