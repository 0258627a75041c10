"""The changes in a job between two of its runs; everything here blocks.

The state of a URL at a time is its newest capture until then that says something of it: a document, or that there is
none any more. Failures say nothing, and neither do runs that did not visit it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.engine import said
from pdfspider.records.history import HAVING, runs_before
from pdfspider.records.reader import pages
from pdfspider.records.schema import captures

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sqlalchemy import Engine, Row, Select

GONE = (Outcome.GONE.value, Outcome.NOT_FOUND.value)
CONCLUSIVE = (*HAVING, *GONE)
NEW, CHANGED, LOST = "new", "changed", "gone"


class Change(NamedTuple):
    """A document that is new, has changed, or is gone."""

    change: str
    url: str
    sha256: str | None
    """The document now, None if it is gone."""
    before: str | None
    """The document before, None if it is new."""
    size: int | None
    run: int
    seen: float | None
    """When the URL was visited, in seconds since 1970."""


def newest_run(engine: Engine, job: str) -> int | None:
    """Return the newest run of a job, None if it has none.

    Raises RecordsError.
    """
    try:
        with engine.connect() as connection:
            found = connection.scalar(select(func.max(captures.c.run)).where(captures.c.job == job))
            return None if found is None else int(found)
    except SQLAlchemyError as error:
        raise RecordsError(f"The database cannot be read: {said(error)}") from None


def changes(engine: Engine, other: Engine, job: str, since: int | None) -> Generator[list[Change]]:
    """Yield the changes since a run, by default since the run before the newest, in pages.

    Each engine has one connection: the first reads what there is now, the other what there was. Raises RecordsError.
    """
    runs = _runs_until(engine, job, since)
    for page in pages(engine, _states(job, captures.c.run > (runs[0] if runs else 0))):
        before = _states_before(other, job, runs, [row.fingerprint for row in page])
        found = (_change(row, before.get(row.fingerprint)) for row in page)
        yield [change for change in found if change]


def _runs_until(engine: Engine, job: str, since: int | None) -> list[int]:
    """Return a bounded number of runs up to ``since``, the latest first."""
    newest = newest_run(engine, job)
    limit = newest if since is None else since + 1
    try:
        with engine.connect() as connection:
            return [*runs_before(connection, job, limit)] if limit else []
    except SQLAlchemyError as error:
        raise RecordsError(f"The database cannot be read: {said(error)}") from None


def _states(job: str, *where: Any) -> Select[Any]:
    """Return the query for the newest capture of each URL that says something of it."""
    newest = (
        select(captures.c.fingerprint, func.max(captures.c.run).label("run"))
        .where(captures.c.job == job, captures.c.outcome.in_(CONCLUSIVE), *where)
        .group_by(captures.c.fingerprint)
        .subquery()
    )
    names = ("fingerprint", "url", "outcome", "sha256", "size", "run", "finished")
    same = and_(captures.c.run == newest.c.run, captures.c.fingerprint == newest.c.fingerprint)
    return select(*(captures.c[name] for name in names)).join(newest, same).where(captures.c.job == job)


def _states_before(engine: Engine, job: str, runs: Sequence[int], fingerprints: Sequence[int]) -> dict[int, str | None]:
    """Return the documents that these URLs had in these runs, None for those that had none any more."""
    if not runs:
        return {}
    query = _states(job, captures.c.run.in_(runs), captures.c.fingerprint.in_(fingerprints))
    return {row.fingerprint: _document(row) for page in pages(engine, query) for row in page}


def _document(row: Row[Any]) -> str | None:
    return row.sha256 if row.outcome in HAVING else None


def _change(row: Row[Any], before: str | None) -> Change | None:
    now = _document(row)
    if now == before:
        return None
    change = NEW if before is None else LOST if now is None else CHANGED
    return Change(change, row.url, now, before, row.size if now else None, row.run, row.finished)
