"""Documents that URLs had in earlier runs of their job; everything here blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.engine import connect, read_url, said
from pdfspider.records.schema import captures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

OPEN_TIMEOUT_S = 30.0
MAX_RUNS = 64
"""Earlier runs that are searched, because the last ones may have had only a few hosts."""
RECENT_RUNS = 8
"""Runs that are searched first; the others are searched for URLs that these did not visit."""
DOCUMENT_OUTCOMES = (Outcome.DOCUMENT.value, Outcome.DUPLICATE.value, Outcome.UNCHANGED.value)

RUN_BEFORE = select(func.max(captures.c.run)).where(
    captures.c.job == bindparam("job"), captures.c.run < bindparam("run")
)
VISITED_CONDITIONS = (
    captures.c.job == bindparam("job"),
    captures.c.run.in_(bindparam("runs", expanding=True)),
    captures.c.fingerprint.in_(bindparam("fingerprints", expanding=True)),
)


class EarlierDocument(NamedTuple):
    """The last document that a URL had in an earlier run, from its capture."""

    run: int
    fingerprint: int
    final_url: str | None
    sha256: str
    size: int | None
    content_type: str | None
    disposition_name: str | None
    etag: str | None
    last_modified: str | None


class History:
    """Reads the documents of earlier runs.

    It has a connection of its own, so that it delays no write. The first call opens the connection.
    """

    def __init__(self, database_url: str) -> None:
        self._engine = connect(read_url(database_url), patience=OPEN_TIMEOUT_S, writes=False)
        self._find = (
            select(*(captures.c[name] for name in EarlierDocument._fields))
            .where(*VISITED_CONDITIONS, captures.c.sha256.is_not(None), captures.c.outcome.in_(DOCUMENT_OUTCOMES))
            .order_by(captures.c.run)
        )
        self._find_visited = select(captures.c.fingerprint).where(*VISITED_CONDITIONS).distinct()

    def runs_before(self, job: str, run: int) -> tuple[int, ...]:
        """Return a bounded number of the job's runs before this one, the latest first.

        Raises RecordsError.
        """
        try:
            with self._engine.connect() as connection:
                return tuple(runs_before(connection, job, run))
        except SQLAlchemyError as error:
            raise RecordsError(f"The database cannot be read: {said(error)}") from None

    def documents(self, job: str, runs: Sequence[int], fingerprints: Iterable[int]) -> dict[int, EarlierDocument]:
        """Return the last document of each URL in these runs, by the URL's fingerprint.

        ``runs`` are ordered from the latest on. URLs without a document are left out. Raises RecordsError.
        """
        try:
            with self._engine.connect() as connection:
                return self._documents(connection, job, runs, set(fingerprints))
        except SQLAlchemyError as error:
            raise RecordsError(f"The database cannot be read: {said(error)}") from None

    def _documents(
        self, connection: Connection, job: str, runs: Sequence[int], fingerprints: set[int]
    ) -> dict[int, EarlierDocument]:
        recent: dict[str, object] = {"job": job, "runs": runs[:RECENT_RUNS]}
        found = self._found(connection, recent | {"fingerprints": list(fingerprints)})
        if len(runs) > RECENT_RUNS and (missing := fingerprints - found.keys()):
            visited = connection.scalars(self._find_visited, recent | {"fingerprints": list(missing)})
            if missing := missing.difference(visited):
                older = {"job": job, "runs": runs[RECENT_RUNS:], "fingerprints": list(missing)}
                return found | self._found(connection, older)
        return found

    def _found(self, connection: Connection, wanted: Mapping[str, object]) -> dict[int, EarlierDocument]:
        found = map(EarlierDocument._make, connection.execute(self._find, wanted))
        return {one.fingerprint: one for one in found}

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()


def runs_before(connection: Connection, job: str, run: int) -> Iterator[int]:
    """Yield the runs of a job before this one, the latest first, with one step in the index for each."""
    for _ in range(MAX_RUNS):
        before = connection.scalar(RUN_BEFORE, {"job": job, "run": run})
        if before is None:
            return
        yield before
        run = before
