"""Read and write inspections; everything here blocks and runs in a thread of its own."""

from __future__ import annotations

import json
import time
from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.records.engine import said
from pdfspider.records.inserting import MultiRowInsert
from pdfspider.records.rows import clean
from pdfspider.records.schema import captures, documents, inspections
from pdfspider.records.writer import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import Any

    from sqlalchemy import Connection, Engine, Select

    from pdfspider.records.rows import Row
    from pdfspider.records.writer import Answer

COLUMNS = [column.name for column in inspections.c]


class Inspections:
    """The inspections in the database.

    ``patience`` is how many seconds a call is repeated while the database is locked or unreachable.
    """

    def __init__(self, engine: Engine, patience: float) -> None:
        self._engine, self._patience = engine, patience
        insert = import_module(f"sqlalchemy.dialects.{engine.dialect.name}").insert(inspections)
        new = {name: insert.excluded[name] for name in COLUMNS if name != "sha256"}
        upsert = insert.on_conflict_do_update(inspections.primary_key, set_=new)
        self._upsert = MultiRowInsert(upsert, engine)

    def write(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Write inspections; a later one replaces an earlier one.

        Raises RecordsError.
        """
        rows = {row["sha256"]: row for row in map(inspection_row, found)}
        if not rows:
            return
        ordered = [rows[sha256] for sha256 in sorted(rows)]
        self._do(lambda connection: self._upsert(connection, ordered))

    def known(self, hashes: Collection[str]) -> set[str]:
        """Return those of these hashes whose documents have been inspected.

        Raises RecordsError.
        """
        query = select(inspections.c.sha256).where(inspections.c.sha256.in_(hashes))
        return self._do(lambda connection: set(connection.scalars(query)))

    def links(self, hashes: Collection[str]) -> dict[str, list[str]]:
        """Return the links of those of these documents that have been searched for links.

        A document whose inspection failed counts as searched, without links. Raises RecordsError.
        """
        fields = (inspections.c.sha256, inspections.c.links)
        asked = or_(inspections.c.links.is_not(None), inspections.c.status != "ok")
        query = select(*fields).where(inspections.c.sha256.in_(hashes), asked)
        found = self._do(lambda connection: list(connection.execute(query)))
        return {sha256: json.loads(links) if links else [] for sha256, links in found}

    def page(self, query: Select[tuple[str]]) -> list[str]:
        """Return the hashes that a query selects.

        Raises RecordsError.
        """
        return self._do(lambda connection: list(connection.scalars(query)))

    def _do(self, work: Callable[[Connection], Answer]) -> Answer:
        try:
            return patiently(self._engine, work, time.monotonic() + self._patience)
        except SQLAlchemyError as error:
            raise RecordsError(f"The database cannot be used now: {said(error)}") from None


def documents_after(last: str, job: str | None, among: str | None, number: int) -> Select[tuple[str]]:
    """Return the query for the next documents to inspect, by their hashes.

    It selects documents of a job or of all, which have no inspection. ``among`` selects those whose inspection had that
    status instead, or all if it is empty.
    """
    query = select(documents.c.sha256).where(documents.c.sha256 > last).order_by(documents.c.sha256).limit(number)
    if job is not None:
        captured = captures.c.sha256 == documents.c.sha256
        query = query.where(select(1).where(captures.c.job == job, captured, captures.c.sha256.is_not(None)).exists())
    if among == "":
        return query
    query = query.outerjoin(inspections, inspections.c.sha256 == documents.c.sha256)
    return query.where(inspections.c.sha256.is_(None) if among is None else inspections.c.status == among)


def inspection_row(found: Mapping[str, Any]) -> Row:
    """Return a row with every column from a mapping that may lack some; ``links`` is JSON text."""
    row = {name: found.get(name) for name in COLUMNS}
    links = row["links"]
    row["links"] = json.dumps([clean(link) for link in links]) if links is not None else None
    return {name: clean(value) if isinstance(value, str) and name != "links" else value for name, value in row.items()}
