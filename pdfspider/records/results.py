"""Read the result of a run for the masters that submitted it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.blocking_calls import BlockingCalls
from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.engine import connect, read_url, said
from pdfspider.records.schema import captures, documents, inspections

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import Connection, Engine, Select

STORED_OUTCOMES = [Outcome.DOCUMENT.value, Outcome.DUPLICATE.value, Outcome.UNCHANGED.value]
FAILURE_COLUMNS = ("url", "outcome", "status", "reason", "found_on")


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run; ``classes`` counts all captures, and the two lists have a limit."""

    documents: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    classes: Mapping[str, int]


class Results:
    """Reads results with a thread and a connection of its own."""

    def __init__(self, database_url: str, patience: float = 30.0) -> None:
        self._engine = connect(read_url(database_url), patience=patience, writes=False)
        self._thread = BlockingCalls("results")

    async def read(self, job: str, run: int, failed: Collection[Outcome], limit: int) -> RunResult:
        """Return up to ``limit`` documents, and up to ``limit`` URLs that ended in a class in ``failed``.

        Raises RecordsError.
        """
        classes = [outcome.value for outcome in failed]
        return await self._thread(_read, self._engine, job, run, classes, limit)

    async def documents(self, job: str, run: int, fingerprints: Collection[int]) -> list[dict[str, Any]]:
        """Return those of these URLs that ended as a document, each with its ``fingerprint``.

        Raises RecordsError.
        """
        return await self._ask(_documents(job, run).where(captures.c.fingerprint.in_(fingerprints)))

    async def documents_after(self, job: str, run: int, fingerprint: int | None, limit: int) -> list[dict[str, Any]]:
        """Return documents of a run in the order of their fingerprints, after the given one.

        Raises RecordsError.
        """
        key = captures.c.fingerprint
        query = _documents(job, run).order_by(key).limit(limit)
        return await self._ask(query if fingerprint is None else query.where(key > fingerprint))

    async def _ask(self, query: Select[Any]) -> list[dict[str, Any]]:
        query = query.add_columns(captures.c.fingerprint)
        return await self._thread(_ask, self._engine, query)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await self._thread(self._engine.dispose)
        self._thread.end()


@contextmanager
def _connection(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise RecordsError(f"The database cannot be read: {said(error)}") from None


def _read(engine: Engine, job: str, run: int, failed: Collection[str], limit: int) -> RunResult:
    with _connection(engine) as connection:
        return RunResult(
            _rows(connection, _documents(job, run).order_by(captures.c.finished).limit(limit)),
            _rows(connection, _failures(job, run, failed).limit(limit)),
            dict(connection.execute(_classes(job, run)).all()),
        )


def _ask(engine: Engine, query: Select[Any]) -> list[dict[str, Any]]:
    with _connection(engine) as connection:
        return _rows(connection, query)


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _documents(job: str, run: int) -> Select[Any]:
    size = func.coalesce(documents.c.size, captures.c.size).label("size")
    columns = (captures.c.url, captures.c.outcome, captures.c.sha256, size, documents.c.path, inspections.c.title)
    both = captures.outerjoin(documents, documents.c.sha256 == captures.c.sha256).outerjoin(
        inspections, inspections.c.sha256 == captures.c.sha256
    )
    mine = _of_run(job, run), captures.c.outcome.in_(STORED_OUTCOMES)
    return select(*columns, captures.c.found_on).select_from(both).where(*mine)


def _failures(job: str, run: int, failed: Collection[str]) -> Select[Any]:
    columns = [captures.c[name] for name in FAILURE_COLUMNS]
    mine = _of_run(job, run), captures.c.outcome.in_(failed)
    return select(*columns).where(*mine).order_by(captures.c.finished)


def _classes(job: str, run: int) -> Select[Any]:
    outcome = captures.c.outcome
    return select(outcome, func.count()).where(_of_run(job, run)).group_by(outcome).order_by(outcome)


def _of_run(job: str, run: int) -> Any:
    return (captures.c.job == job) & (captures.c.run == run)
