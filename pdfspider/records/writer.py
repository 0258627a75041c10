"""Write groups of captures, one transaction each, and decide who owns a document.

Everything here blocks and runs in a thread of its own.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.exc import DBAPIError

from pdfspider.exceptions import RecordRefused, RecordsError, RecordsUnavailable
from pdfspider.items import Outcome
from pdfspider.records.engine import is_passing, said
from pdfspider.records.inserting import MultiRowInsert
from pdfspider.records.rows import OUTCOMES, capture_key, document_row, owner_key, owner_row
from pdfspider.records.schema import captures, documents, owners
from pdfspider.retrying import pauses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

    from pdfspider.records.rows import OwnerKey, Row

Answer = TypeVar("Answer")
WriteResult = Outcome | RecordsError

DECIDED_OUTCOMES = frozenset({Outcome.DOCUMENT.value, Outcome.DUPLICATE.value})
OWNING_OUTCOMES = DECIDED_OUTCOMES | {Outcome.UNCHANGED.value}
OPTIONAL_COLUMNS = tuple(column.name for column in captures.c if column.nullable)
MAX_VALUE_SHOWN, MAX_REASON = 100, 300
"""Characters of a refused value, and of what the database says about it."""
FIRST_PAUSE_S = 0.05
MAX_PAUSE_S = 2.0


def patiently(engine: Engine, work: Callable[[Connection], Answer], deadline: float) -> Answer:
    """Do the work in a transaction, and repeat it until the deadline while the database is locked or gone."""
    for pause in pauses(FIRST_PAUSE_S, MAX_PAUSE_S):
        try:
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if not is_passing(error) or time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
    raise AssertionError("pauses have no end")


class Writer:
    """Writes groups of captures.

    ``patience`` is how many seconds a group is tried again while the database is locked or unreachable.
    """

    def __init__(self, engine: Engine, patience: float) -> None:
        insert = import_module(f"sqlalchemy.dialects.{engine.dialect.name}").insert  # each takes long to load
        self._engine = engine
        self._patience = patience
        upsert = insert(captures)
        new = {column.name: upsert.excluded[column.name] for column in captures.c if not column.primary_key}
        newer = new["token"] >= captures.c.token
        upsert = upsert.on_conflict_do_update(captures.primary_key, set_=new, where=newer)
        self._upsert = MultiRowInsert(upsert, engine)
        self._add_documents = MultiRowInsert(insert(documents).on_conflict_do_nothing(), engine)
        self._add_owners = MultiRowInsert(insert(owners).on_conflict_do_nothing(), engine)
        claim = tuple_(owners.c.job, owners.c.run, owners.c.sha256)
        self._find_owners = select(owners).where(claim.in_(bindparam("claims", expanding=True)))

    def write(self, rows: Sequence[Row]) -> list[WriteResult]:
        """Write the rows, and return the results in their order.

        A row that the database refuses fails alone.
        """
        answers: list[WriteResult] = []
        try:
            self._answer(answers, rows, time.monotonic() + self._patience)
        except RecordsError as error:
            answers += [type(error)(str(error)) for _ in rows[len(answers) :]]
        return answers

    def _answer(self, answers: list[WriteResult], rows: Sequence[Row], deadline: float) -> None:
        """Write rows and append their results to ``answers``.

        Raises RecordsError if the database itself is the cause, so that no row can be written.
        """
        try:
            answers += self._write_patiently(rows, deadline)
        except Exception as error:  # drivers raise errors of their own for values that do not fit
            if is_passing(error):
                raise RecordsUnavailable(f"The database cannot be used now: {said(error)}") from None
            if len(rows) == 1:
                answers.append(self._refusal(rows[0], error))
                return
            for row in rows:
                self._answer(answers, [row], deadline)

    def _refusal(self, row: Row, error: Exception) -> RecordRefused:
        """Return the error for a row that the database refuses, which names the values at fault.

        Raises RecordsUnavailable if the database itself is the cause.
        """
        given = [name for name in OPTIONAL_COLUMNS if row[name] is not None]
        bare = row | dict.fromkeys(given)
        refused = [name for name in given if not self._takes(bare | {name: row[name]})] if self._takes(bare) else []
        shown = ", ".join(f"{name}={row[name]!a:.{MAX_VALUE_SHOWN}}" for name in refused) or "a capture"
        reason = ascii(said(error))[1:-1][:MAX_REASON]
        return RecordRefused(f"The database refused {shown}: {reason}", tuple(refused))

    def _takes(self, row: Row) -> bool:
        """Return whether the database takes a row, which is not kept."""
        try:
            with self._engine.connect() as connection, connection.begin() as transaction:
                self._upsert(connection, [row])
                transaction.rollback()
        except Exception as error:
            if is_passing(error):
                raise RecordsUnavailable(f"The database cannot be used now: {said(error)}") from None
            return False
        return True

    def _write_patiently(self, rows: Sequence[Row], deadline: float) -> list[Outcome]:
        patiently(self._engine, lambda connection: self._write(connection, rows), deadline)
        return [OUTCOMES[row["outcome"]] for row in rows]

    def _write(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write the rows in the order of their keys, so that two writers never wait for each other."""
        claims = [row for row in rows if row["sha256"] and row["outcome"] in OWNING_OUTCOMES]
        if claims:
            self._decide(connection, claims)
        newest = {capture_key(row): row for row in sorted(rows, key=lambda row: row["token"])}
        self._upsert(connection, [newest[key] for key in sorted(newest)])

    def _decide(self, connection: Connection, claims: Sequence[Row]) -> None:
        found = {row["sha256"]: row for row in claims}
        self._add_documents(connection, [document_row(found[sha256]) for sha256 in sorted(found)])
        owner = self._owners(connection, claims)
        for row in claims:
            if row["outcome"] not in DECIDED_OUTCOMES:
                continue
            owned = owner[owner_key(row)] == row["fingerprint"]
            row["outcome"] = Outcome.DOCUMENT.value if owned else Outcome.DUPLICATE.value

    def _owners(self, connection: Connection, claims: Sequence[Row]) -> dict[OwnerKey, int]:
        """Return the fingerprints that own the claimed documents, now or since an earlier delivery."""
        first = {owner_key(row): row for row in reversed(claims)}
        if self._add_owners(connection, [owner_row(first[key]) for key in sorted(first)]) == len(first):
            return {key: row["fingerprint"] for key, row in first.items()}
        known = connection.execute(self._find_owners, {"claims": list(first)})
        return {(job, run, sha256): fingerprint for job, run, sha256, fingerprint in known}
