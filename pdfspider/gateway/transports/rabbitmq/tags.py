"""Which deliveries of an AMQP channel are settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

REMEMBERED = 1 << 17


class Tags:
    """One acknowledgement can stand for all deliveries up to its own: where every one of these is settled."""

    def __init__(self) -> None:
        self._front = 0
        """All up to this one are settled."""
        self._ahead: set[int] = set()

    def settle(self, tags: Iterable[int]) -> tuple[int, list[int]]:
        """What to acknowledge with all before it (0: nothing), and what alone."""
        new = sorted(tags)
        if len(self._ahead) < REMEMBERED:  # else one in front will never be settled
            self._ahead.update(new)
        while self._front + 1 in self._ahead:
            self._front += 1
            self._ahead.remove(self._front)
        last = max((tag for tag in new if tag <= self._front), default=0)
        return last, [tag for tag in new if tag > last]
