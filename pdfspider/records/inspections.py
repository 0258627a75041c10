"""What inspections found, and which documents have had none.

Everything here blocks: it runs in a thread of its own.
"""

from __future__ import annotations

import json
import time
from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.records.engine import said
from pdfspider.records.inserting import ManyRows
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
    """``patience`` is how many seconds a call is tried again while the database is locked or gone."""

    def __init__(self, engine: Engine, patience: float) -> None:
        self._engine, self._patience = engine, patience
        insert = import_module(f"sqlalchemy.dialects.{engine.dialect.name}").insert(inspections)
        new = {name: insert.excluded[name] for name in COLUMNS if name != "sha256"}
        upsert = insert.on_conflict_do_update(inspections.primary_key, set_=new)
        self._upsert = ManyRows(upsert, engine)

    def write(self, found: Iterable[Mapping[str, Any]]) -> None:
        """A later inspection replaces an earlier one. Raises RecordsError."""
        rows = {row["sha256"]: row for row in map(inspection_row, found)}
        if not rows:
            return
        ordered = [rows[sha256] for sha256 in sorted(rows)]
        self._do(lambda connection: self._upsert(connection, ordered))

    def known(self, hashes: Collection[str]) -> set[str]:
        """Those of these documents that have been inspected. Raises RecordsError."""
        query = select(inspections.c.sha256).where(inspections.c.sha256.in_(hashes))
        return self._do(lambda connection: set(connection.scalars(query)))

    def links(self, hashes: Collection[str]) -> dict[str, list[str]]:
        """The links of those of these documents whose inspection asked for them, or did not end well and so knows of
        none. Raises RecordsError.
        """
        fields = (inspections.c.sha256, inspections.c.links)
        asked = or_(inspections.c.links.is_not(None), inspections.c.status != "ok")
        query = select(*fields).where(inspections.c.sha256.in_(hashes), asked)
        found = self._do(lambda connection: list(connection.execute(query)))
        return {sha256: json.loads(links) if links else [] for sha256, links in found}

    def page(self, query: Select[tuple[str]]) -> list[str]:
        """Raises RecordsError."""
        return self._do(lambda connection: list(connection.scalars(query)))

    def _do(self, work: Callable[[Connection], Answer]) -> Answer:
        try:
            return patiently(self._engine, work, time.monotonic() + self._patience)
        except SQLAlchemyError as error:
            raise RecordsError(f"The database cannot be used now: {said(error)}") from None


def documents_after(last: str, job: str | None, among: str | None, number: int) -> Select[tuple[str]]:
    """The next documents to inspect, by their hashes: of a job or of all; those without an inspection, or ``among``
    those whose inspection had that status, or, where it is empty, among all.
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
    """Every column, from a mapping that may lack some; ``links`` is JSON text."""
    row = {name: found.get(name) for name in COLUMNS}
    links = row["links"]
    row["links"] = json.dumps([clean(link) for link in links]) if links is not None else None
    return {name: clean(value) if isinstance(value, str) and name != "links" else value for name, value in row.items()}
