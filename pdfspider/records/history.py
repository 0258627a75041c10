"""What earlier runs of a job know of a URL's document. Everything here blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.engine import connect, read_url, said
from pdfspider.records.schema import captures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

PATIENCE = 30.0
RUNS = 8
"""Earlier runs that are looked at: the last one may have been of a few URLs only."""
HAVING = (Outcome.DOCUMENT.value, Outcome.DUPLICATE.value, Outcome.UNCHANGED.value)


class Earlier(NamedTuple):
    """The last document that a URL had in an earlier run of its job, as the capture tells."""

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
    """Has a connection of its own, so that it holds up no write. Opened at the first question."""

    def __init__(self, database_url: str) -> None:
        self._engine = connect(read_url(database_url), patience=PATIENCE, writes=False)
        run = select(func.max(captures.c.run))
        self._run_before = run.where(captures.c.job == bindparam("job"), captures.c.run < bindparam("run"))
        self._find = (
            select(*(captures.c[name] for name in Earlier._fields))
            .where(captures.c.job == bindparam("job"), captures.c.run.in_(bindparam("runs", expanding=True)))
            .where(captures.c.fingerprint.in_(bindparam("fingerprints", expanding=True)))
            .where(captures.c.sha256.is_not(None), captures.c.outcome.in_(HAVING))
            .order_by(captures.c.run)
        )

    def runs_before(self, job: str, run: int) -> tuple[int, ...]:
        """The runs of a job before this one, the latest first, a bounded number of them. Raises RecordsError."""
        try:
            with self._engine.connect() as connection:
                return tuple(self._runs(connection, job, run))
        except SQLAlchemyError as error:
            raise RecordsError(f"The database cannot be read: {said(error)}") from None

    def documents(self, job: str, runs: Sequence[int], fingerprints: Iterable[int]) -> dict[int, Earlier]:
        """The last document in these runs of each URL that had one, by its fingerprint. Raises RecordsError."""
        wanted = {"job": job, "runs": list(runs), "fingerprints": list(fingerprints)}
        try:
            with self._engine.connect() as connection:
                found = [Earlier._make(row) for row in connection.execute(self._find, wanted)]
        except SQLAlchemyError as error:
            raise RecordsError(f"The database cannot be read: {said(error)}") from None
        return {one.fingerprint: one for one in found}

    def close(self) -> None:
        self._engine.dispose()

    def _runs(self, connection: Connection, job: str, run: int) -> Iterable[int]:
        """One step in the index for each."""
        for _ in range(RUNS):
            before = connection.scalar(self._run_before, {"job": job, "run": run})
            if before is None:
                return
            yield before
            run = before
