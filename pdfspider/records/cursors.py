"""Lists that are ordered by time, the newest first, and places in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import tuple_

from pdfspider.exceptions import InvalidInput
from pdfspider.records.schema import captures

if TYPE_CHECKING:
    from sqlalchemy import Select


class Cursor(NamedTuple):
    """A place in a list: what follows has this time and a smaller key, or an earlier time."""

    time: float
    key: str

    def __str__(self) -> str:
        return f"{self.time!r}~{self.key}"

    @property
    def number(self) -> int:
        """The key as a number.

        Raises InvalidInput.
        """
        try:
            return int(self.key)
        except ValueError:
            raise InvalidInput(f"{self.key[:100]!r} is no key of a capture") from None

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the place that a text stands for, None for an empty text.

        Raises InvalidInput.
        """
        if not text:
            return None
        time, separator, key = text.partition("~")
        try:
            return cls(float(time if separator else ""), key)
        except ValueError:
            raise InvalidInput(f"{text[:100]!r} is no place in a list") from None


def newest_first(query: Select[Any], job: str, run: int, outcome: str, after: Cursor | None) -> Select[Any]:
    """Return a query for the captures of a run that ended in one class, from a place on; an index has this order."""
    order = captures.c.finished, captures.c.fingerprint
    mine = captures.c.job == job, captures.c.run == run, captures.c.outcome == outcome, order[0].is_not(None)
    query = query.where(*mine).order_by(*(column.desc() for column in order))
    return query if after is None else query.where(tuple_(*order) < tuple_(after.time, after.number))
