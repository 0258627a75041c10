"""Lists of captures and documents for people, the newest first; each call reads a bounded part by an index."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, exists, or_, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.changes import recent_changes
from pdfspider.records.cursors import Cursor, newest_first
from pdfspider.records.engine import connect, read_url, said
from pdfspider.records.reader import RetryableUrl
from pdfspider.records.rows import OUTCOMES
from pdfspider.records.schema import captures, documents, inspections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from sqlalchemy import ColumnElement, Engine, Row, Select

    from pdfspider.records.changes import ChangesPage

    Answer = TypeVar("Answer")

STORED_OUTCOMES = (Outcome.DOCUMENT, Outcome.DUPLICATE, Outcome.UNCHANGED)
SUCCESSFUL_OUTCOMES = (*STORED_OUTCOMES, Outcome.PAGE, Outcome.REDIRECT, Outcome.OTHER)
MAX_DOCUMENTS_SEARCHED = 2000
"""Documents that one call of a search looks at."""
MAX_CAPTURES_SEARCHED = 10_000
"""Captures of one document that are looked at."""
SHOWN_COLUMNS = (
    "job",
    "run",
    "fingerprint",
    "url",
    "found_on",
    "technique",
    "depth",
    "status",
    "outcome",
    "reason",
    "sha256",
)
CAPTURE_COLUMNS = tuple(captures.c[name] for name in (*SHOWN_COLUMNS, "size", "finished", "disposition_name"))


class ListPage(NamedTuple):
    """A part of a list; ``next`` is where the following part begins, None at the end."""

    rows: Sequence[Row[Any]]
    next: Cursor | None


class Search(NamedTuple):
    """The conditions of a search for documents; empty: all of them."""

    text: str = ""
    """A part of the title, of the file's name or of a URL, whatever the case."""
    host: str = ""
    sha256: str = ""
    """The beginning of the hash."""
    since: float = 0.0
    until: float = 0.0

    def range(self) -> list[ColumnElement[bool]]:
        """Return the conditions that an index answers."""
        first_seen, sha256 = documents.c.first_seen, documents.c.sha256
        conditions = [first_seen >= self.since] if self.since else []
        conditions += [first_seen < self.until] if self.until else []
        return [*conditions, *([sha256 >= self.sha256, sha256 < f"{self.sha256}g"] if self.sha256 else [])]

    def filters(self) -> list[ColumnElement[bool]]:
        """Return the conditions for which documents have to be looked at."""
        of_document = captures.c.sha256 == documents.c.sha256
        found: list[ColumnElement[bool]] = []
        if self.host:
            places = [captures.c.url.icontains(f"://{self.host}{end}", autoescape=True) for end in "/:"]
            found.append(exists().where(of_document, or_(*places)))
        if self.text:
            names = [
                column.icontains(self.text, autoescape=True) for column in (captures.c.url, captures.c.disposition_name)
            ]
            title = inspections.c.title.icontains(self.text, autoescape=True)
            found.append(or_(title, exists().where(of_document, or_(*names))))
        return found


class Listings:
    """Reads lists with a thread and a connection of its own, so that it delays no write."""

    def __init__(self, database_url: str, patience: float = 5.0) -> None:
        self._engine = connect(read_url(database_url), patience=patience, writes=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="listings")

    async def captures(
        self, job: str, run: int, outcomes: Iterable[Outcome], limit: int, after: Cursor | None = None
    ) -> ListPage:
        """Return captures of a run that ended in one of these classes, each with the title of its document.

        Raises RecordsError.
        """
        queries = [_of_class(job, run, outcome, limit + 1, after) for outcome in outcomes]
        return await self._call(_captures, queries, limit)

    async def documents(self, limit: int, after: Cursor | None = None, search: Search | None = None) -> ListPage:
        """Return documents by when they were first seen, each with its title and one URL.

        A search looks at ``MAX_DOCUMENTS_SEARCHED`` documents, so that the part may be short although there is a next
        one. Raises RecordsError.
        """
        return await self._call(_documents, limit, after, search or Search())

    async def document(self, sha256: str) -> Row[Any] | None:
        """Return a document with its inspection, None if there is none.

        Raises RecordsError.
        """
        return await self._call(_document, sha256)

    async def visits(self, sha256: str, limit: int, after: Cursor | None = None) -> ListPage:
        """Return captures that have a document, the newest first.

        Only ``MAX_CAPTURES_SEARCHED`` of them are searched. Raises RecordsError.
        """
        return await self._call(_visits, sha256, limit, after)

    async def changes(self, job: str, since: int | None, limit: int, after: Cursor | None = None) -> ChangesPage:
        """Return documents of a job that are new, changed or gone since a run, by default the one before the newest.

        It looks at a bounded number of captures, so that the part may be short although there is a next one. Raises
        RecordsError.
        """
        return await self._call(recent_changes, job, since, limit, after)

    async def outcomes(self, job: str, run: int, outcomes: Iterable[Outcome], limit: int) -> Sequence[Row[Any]]:
        """Return URL and outcome class of the newest captures of a run that ended in one of these classes.

        Raises RecordsError.
        """
        queries = [_brief(job, run, outcome, limit) for outcome in outcomes]
        return (await self._call(_captures, queries, limit)).rows

    async def failure(self, job: str, run: int, fingerprint: int) -> RetryableUrl | None:
        """Return the capture of a URL as one to be tried again; None if there is none that failed.

        Raises RecordsError.
        """
        return await self._call(_failure, job, run, fingerprint)

    def close(self) -> None:
        """Close the connection and end the thread."""
        self._thread.submit(self._engine.dispose)
        self._thread.shutdown(wait=False)

    async def _call(self, read: Callable[..., Answer], *arguments: Any) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, read, *arguments)

    def _read(self, read: Callable[..., Answer], *arguments: Any) -> Answer:
        try:
            return read(self._engine, *arguments)
        except SQLAlchemyError as error:
            raise RecordsError(f"The database cannot be read: {said(error)}") from None


def _captures(engine: Engine, queries: Sequence[Select[Any]], limit: int) -> ListPage:
    with engine.connect() as connection:
        parts = [connection.execute(query).all() for query in queries]
    newest = merge(*parts, key=attrgetter("finished", "fingerprint"), reverse=True)
    return _part([*islice(newest, limit + 1)], limit, "finished", "fingerprint")


def _of_class(job: str, run: int, outcome: Outcome, limit: int, after: Cursor | None) -> Select[Any]:
    titled = captures.outerjoin(inspections, inspections.c.sha256 == captures.c.sha256)
    query = select(*CAPTURE_COLUMNS, inspections.c.title, inspections.c.pages, inspections.c.thumbnail).select_from(
        titled
    )
    return newest_first(query.limit(limit), job, run, outcome.value, after)


def _brief(job: str, run: int, outcome: Outcome, limit: int) -> Select[Any]:
    columns = (captures.c[name] for name in ("url", "outcome", "finished", "fingerprint"))
    return newest_first(select(*columns).limit(limit), job, run, outcome.value, None)


def _documents(engine: Engine, limit: int, after: Cursor | None, search: Search) -> ListPage:
    order = documents.c.first_seen, documents.c.sha256
    newest = select(*order).where(*search.range())
    if after:
        newest = newest.where(tuple_(*order) < tuple_(after.time, after.key))
    newest = newest.order_by(*(column.desc() for column in order))
    looked_at = newest.limit(MAX_DOCUMENTS_SEARCHED if search.filters() else limit + 1).subquery()
    query = _titled().join(looked_at, looked_at.c.sha256 == documents.c.sha256).where(*search.filters())
    query = query.order_by(*(column.desc() for column in order)).limit(limit + 1)
    with engine.connect() as connection:
        part = _part(connection.execute(query).all(), limit, "first_seen", "sha256")
        if part.next or not search.filters():
            return part
        last = connection.execute(newest.offset(MAX_DOCUMENTS_SEARCHED - 1).limit(1)).first()
        return ListPage(part.rows, Cursor(*last) if last else None)


def _titled() -> Select[Any]:
    """Return the query for documents with what is said of each in a list."""
    one = select(captures.c.url).where(captures.c.sha256 == documents.c.sha256).limit(1).scalar_subquery()
    inside = inspections.c.title, inspections.c.pages, inspections.c.thumbnail
    joined = documents.outerjoin(inspections, inspections.c.sha256 == documents.c.sha256)
    return select(*documents.c, *inside, one.label("url")).select_from(joined)


def _document(engine: Engine, sha256: str) -> Any:
    inside = [column for column in inspections.c if column.name not in ("sha256", "text", "links")]
    joined = documents.outerjoin(inspections, inspections.c.sha256 == documents.c.sha256)
    query = select(*documents.c, *inside).select_from(joined).where(documents.c.sha256 == sha256)
    with engine.connect() as connection:
        return connection.execute(query).first()


def _visits(engine: Engine, sha256: str, limit: int, after: Cursor | None) -> ListPage:
    order = captures.c.finished, captures.c.fingerprint
    key = captures.c.job, captures.c.run, captures.c.fingerprint
    looked_at = select(*key).where(captures.c.sha256 == sha256).limit(MAX_CAPTURES_SEARCHED).subquery()
    same = and_(*(captures.c[column.name] == looked_at.c[column.name] for column in key))
    query: Select[Any] = select(*CAPTURE_COLUMNS, captures.c.final_url, captures.c.hops).join(looked_at, same)
    query = query.where(order[0].is_not(None)).order_by(*(column.desc() for column in order)).limit(limit + 1)
    if after:
        query = query.where(tuple_(*order) < tuple_(after.time, after.number))
    with engine.connect() as connection:
        return _part(connection.execute(query).all(), limit, "finished", "fingerprint")


def _failure(engine: Engine, job: str, run: int, fingerprint: int) -> RetryableUrl | None:
    mine = captures.c.job == job, captures.c.run == run, captures.c.fingerprint == fingerprint
    query = select(*(captures.c[name] for name in RetryableUrl._fields)).where(*mine)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    if row is None or OUTCOMES[row.outcome] in SUCCESSFUL_OUTCOMES:
        return None
    return RetryableUrl._make(row)._replace(outcome=OUTCOMES[row.outcome])


def _part(rows: Sequence[Row[Any]], limit: int, time: str, key: str) -> ListPage:
    if len(rows) <= limit:
        return ListPage(rows, None)
    last = rows[limit - 1]
    return ListPage(rows[:limit], Cursor(getattr(last, time), str(getattr(last, key))))
