"""The delivery tags of an AMQP channel that are settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_SETTLED_AHEAD = 1 << 17


class AckBatcher:
    """Joins acknowledgements: one acknowledges all deliveries up to its own, if all of them are settled."""

    def __init__(self) -> None:
        self._front = 0
        """The tag up to which all are settled."""
        self._ahead: set[int] = set()

    def settle(self, tags: Iterable[int]) -> tuple[int, list[int]]:
        """Return the tag to acknowledge with all before it (0: none), and those to acknowledge alone."""
        new = sorted(tags)
        if len(self._ahead) < MAX_SETTLED_AHEAD:  # else an earlier one will never be settled
            self._ahead.update(new)
        while self._front + 1 in self._ahead:
            self._front += 1
            self._ahead.remove(self._front)
        last = max((tag for tag in new if tag <= self._front), default=0)
        return last, [tag for tag in new if tag > last]
