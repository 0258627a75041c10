"""Read captures in pages, in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.engine import said
from pdfspider.records.rows import OUTCOMES
from pdfspider.records.schema import captures, documents, inspections

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from sqlalchemy import Engine, Row, Select

PAGE_SIZE = 5000
SHARED_COLUMNS = ("status", "reason")
"""Columns of inspections that captures have too."""
DEAD_OUTCOMES = [outcome.value for outcome in Outcome if outcome.dead]


class RetryableUrl(NamedTuple):
    """A URL that can be tried again, from its last capture."""

    job: str
    run: int
    url: str
    depth: int
    found_on: str | None
    technique: str | None
    outcome: Outcome
    reach: int | None = None
    fingerprint: int | None = None


def pages(engine: Engine, query: Select[Any]) -> Generator[Sequence[Row[Any]]]:
    """Yield the rows of a query in pages.

    Raises RecordsError.
    """
    try:
        with (
            engine.connect().execution_options(yield_per=PAGE_SIZE) as connection,
            connection.execute(query) as found,
        ):
            yield from found.partitions()
    except SQLAlchemyError as error:
        raise RecordsError(f"The database cannot be read: {said(error)}") from None


def failure_pages(engine: Engine, job: str | None, outcome: Outcome | None) -> Generator[list[RetryableUrl]]:
    """Yield the captures of one class in the latest run of a job, or of every job.

    Without a class, these are all dead letters.
    """
    for page in pages(engine, _failures(job, DEAD_OUTCOMES if outcome is None else [outcome.value])):
        yield [RetryableUrl._make(row)._replace(outcome=OUTCOMES[row.outcome]) for row in page]


def seeds_of(engine: Engine, job: str) -> list[tuple[str, int]]:
    """Return URL and reach of the seeds of the newest run of a job that had any."""
    is_seed = and_(captures.c.job == job, captures.c.technique == "seed")
    newest = select(func.max(captures.c.run)).where(is_seed).scalar_subquery()
    query = select(captures.c.url, captures.c.reach).where(is_seed, captures.c.run == newest)
    return [(row.url, row.reach or 0) for page in pages(engine, query) for row in page]


def _failures(job: str | None, classes: list[str]) -> Select[Any]:
    last = func.max(captures.c.run).label("run")
    latest = _of_job(select(captures.c.job, last), job).group_by(captures.c.job).subquery()
    fields = [captures.c[name] for name in RetryableUrl._fields]
    same = and_(captures.c.job == latest.c.job, captures.c.run == latest.c.run)
    return select(*fields).join(latest, same).where(captures.c.outcome.in_(classes))


def export_query(job: str | None) -> Select[Any]:
    """Return the query for one row per capture, with its document and inspection."""
    of_document = [documents.c.size.label("document_size"), documents.c.first_seen, documents.c.path]
    inside = [column for column in inspections.c if column.name not in {"sha256", *SHARED_COLUMNS}]
    of_inspection = [inspections.c[name].label(f"inspection_{name}") for name in SHARED_COLUMNS]
    all_three = captures.outerjoin(documents, documents.c.sha256 == captures.c.sha256).outerjoin(
        inspections, inspections.c.sha256 == captures.c.sha256
    )
    return _of_job(select(*captures.c, *of_document, *of_inspection, *inside).select_from(all_three), job)


def _of_job(query: Select[Any], job: str | None) -> Select[Any]:
    return query if job is None else query.where(captures.c.job == job)
