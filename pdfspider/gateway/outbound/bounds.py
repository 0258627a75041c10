"""Limit the size of results: lists are cut where a broker or a client would refuse the result."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pdfspider.gateway.base import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.submission.rejected import Rejected

BOUNDED_LISTS = ("urls", "documents", "failures")
BYTES_SHOWN = 200
"""Bytes of a rejected message that is too large to be set aside whole."""
PUNCTUATION_SIZE = 8
"""Bytes that brackets and commas may need besides."""


def encode(body: Any) -> bytes:
    """Return the value as JSON."""
    return json.dumps(body, ensure_ascii=False, default=str).encode()


def bounded(result: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return the result, with shorter lists if it has more than ``limit`` bytes (0: no limit)."""
    size = len(encode(result)) if limit else 0
    if size <= limit:
        return result
    sizes = {name: [len(encode(entry)) + 2 for entry in result.get(name) or ()] for name in BOUNDED_LISTS}
    wanted = {name: sum(entries) for name, entries in sizes.items()}
    if not any(wanted.values()):
        return result
    shares = _shares(wanted, limit - PUNCTUATION_SIZE - (size - sum(wanted.values())))
    cut = {
        name: result[name][: sum(end <= shares[name] for end in accumulate(sizes[name]))]
        for name in BOUNDED_LISTS
        if sizes[name]
    }
    return {**result, **cut, "truncated": True}


def _shares(wanted: dict[str, int], room: int) -> dict[str, int]:
    """Divide the room among the lists: those that need little get it, the others share the rest."""
    shares: dict[str, int] = {}
    for left, name in zip(range(len(wanted), 0, -1), sorted(wanted, key=lambda name: wanted[name]), strict=True):
        shares[name] = min(wanted[name], max(room, 0) // left)
        room -= shares[name]
    return shares


async def set_aside(send: Callable[[bytes], Awaitable[None]], rejected: Rejected) -> None:
    """Send a rejected message with its reason, or only its beginning if it is too large.

    Raises what ``send`` raises.
    """
    try:
        await send(rejected.dump())
    except TooLargeError:
        await send(rejected.shortened(BYTES_SHOWN).dump())
