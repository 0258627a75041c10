"""The changes in a job between two of its runs; everything here blocks.

The state of a URL at a time is its newest capture until then that says something of it: a document, or that there is
none any more. Failures say nothing, and neither do runs that did not visit it.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice, takewhile
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.cursors import Cursor, newest_first
from pdfspider.records.engine import said
from pdfspider.records.history import DOCUMENT_OUTCOMES, RECENT_RUNS, runs_before
from pdfspider.records.reader import pages
from pdfspider.records.schema import captures

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from sqlalchemy import Connection, Engine, Row, Select

GONE_OUTCOMES = (Outcome.GONE.value, Outcome.NOT_FOUND.value)
CONCLUSIVE_OUTCOMES = (*DOCUMENT_OUTCOMES, *GONE_OUTCOMES)
NEW, CHANGED, LOST = "new", "changed", "gone"
CAPTURES_PER_CALL = 1000
"""Captures that one call looks at."""
AFTER_ALL_RUNS = 2**53
"""A number that is larger than that of any run."""
COLUMN_NAMES = ("fingerprint", "url", "outcome", "sha256", "size", "run", "finished")


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


class ChangesPage(NamedTuple):
    """A part of the changes since a run; ``next`` is where the following part begins, None at the end."""

    changes: list[Change]
    next: Cursor | None
    since: int
    """The run with which the newest state is compared, 0 if there is none."""
    runs: Sequence[int]
    """The newest runs of the job, the latest first."""


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
        .where(captures.c.job == job, captures.c.outcome.in_(CONCLUSIVE_OUTCOMES), *where)
        .group_by(captures.c.fingerprint)
        .subquery()
    )
    same = and_(captures.c.run == newest.c.run, captures.c.fingerprint == newest.c.fingerprint)
    return select(*(captures.c[name] for name in COLUMN_NAMES)).join(newest, same).where(captures.c.job == job)


def _states_before(engine: Engine, job: str, runs: Sequence[int], fingerprints: Sequence[int]) -> dict[int, str | None]:
    """Return the documents that these URLs had in these runs, None for those that had none any more."""
    if not runs:
        return {}
    query = _states_at(job, runs, fingerprints)
    return {row.fingerprint: _document(row) for page in pages(engine, query) for row in page}


def _states_at(job: str, runs: Sequence[int], fingerprints: Sequence[int]) -> Select[Any]:
    """Return the query for the states of these URLs after these runs."""
    return _states(job, captures.c.run.in_(runs), captures.c.fingerprint.in_(fingerprints))


def _document(row: Row[Any]) -> str | None:
    """Return the document that a URL has in a state, None if it has none any more."""
    return row.sha256 if row.outcome in DOCUMENT_OUTCOMES else None


def _change(row: Row[Any], before: str | None) -> Change | None:
    """Return the change from the document before to a state, None if it is the same."""
    now = _document(row)
    if now == before:
        return None
    change = NEW if before is None else LOST if now is None else CHANGED
    return Change(change, row.url, now, before, row.size if now else None, row.run, row.finished)


def recent_changes(engine: Engine, job: str, since: int | None, limit: int, after: Cursor | None) -> ChangesPage:
    """Return changes since a run, by default since the run before the newest, from a bounded number of captures.

    The part may be short although there is a next one.
    """
    with engine.connect() as connection:
        runs = [*runs_before(connection, job, AFTER_ALL_RUNS)]
        since = (runs[1] if len(runs) > 1 else 0) if since is None else since
        earlier = [*runs_before(connection, job, since + 1)]
        later = [*takewhile(lambda run: run > since, runs)]
        looked_at = [*islice(_candidates(connection, job, later, after), CAPTURES_PER_CALL + 1)]
        found = _compared(connection, job, looked_at[:CAPTURES_PER_CALL], later, earlier)
        shown = [*islice(found, limit + 1)]
    last = shown[limit - 1][0] if len(shown) > limit else looked_at[-2] if len(looked_at) > CAPTURES_PER_CALL else None
    following = Cursor(last.finished, str(last.fingerprint)) if last else None
    return ChangesPage([change for _, change in shown[:limit]], following, since, runs)


def _candidates(connection: Connection, job: str, runs: Sequence[int], after: Cursor | None) -> Iterator[Row[Any]]:
    """Yield the captures of these runs that say something of their URLs, the newest first."""
    queries = [_of_class(job, run, outcome, after) for run in runs for outcome in CONCLUSIVE_OUTCOMES]
    parts = [connection.execute(query).all() for query in queries]
    return merge(*parts, key=attrgetter("finished", "fingerprint"), reverse=True)


def _of_class(job: str, run: int, outcome: str, after: Cursor | None) -> Select[Any]:
    query = select(*(captures.c[name] for name in COLUMN_NAMES)).limit(CAPTURES_PER_CALL + 1)
    return newest_first(query, job, run, outcome, after)


def _compared(
    connection: Connection, job: str, rows: Sequence[Row[Any]], later: Sequence[int], earlier: Sequence[int]
) -> Iterator[tuple[Row[Any], Change]]:
    """Yield the captures that are the newest of their URLs and changed something, each with its change."""
    fingerprints = [row.fingerprint for row in rows]
    newest = _latest(connection, job, later, fingerprints) if len(later) > 1 else {}
    before = _latest(connection, job, earlier, fingerprints)
    for row in rows:
        if row.fingerprint in newest and newest[row.fingerprint].run != row.run:
            continue
        known = before.get(row.fingerprint)
        change = _change(row, _document(known) if known else None)
        if change:
            yield row, change


def _latest(connection: Connection, job: str, runs: Sequence[int], fingerprints: Sequence[int]) -> dict[int, Row[Any]]:
    """Return the states of these URLs after these runs; the latest runs are searched first."""
    found: dict[int, Row[Any]] = {}
    for part in (runs[:RECENT_RUNS], runs[RECENT_RUNS:]):
        missing = [fingerprint for fingerprint in fingerprints if fingerprint not in found]
        if part and missing:
            rows = connection.execute(_states_at(job, part, missing))
            found |= {row.fingerprint: row for row in rows}
    return found
