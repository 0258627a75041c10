"""The database as a worker uses it: asynchronous, with grouped writes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from pdfspider.batching import Batcher
from pdfspider.exceptions import JobNotFound, RecordsError
from pdfspider.records.changes import changes, newest_run
from pdfspider.records.engine import connect, prepare, read_url
from pdfspider.records.inspections import Inspections, documents_after
from pdfspider.records.reader import failure_pages, seeds_of
from pdfspider.records.rows import capture_row
from pdfspider.records.visits import visits
from pdfspider.records.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Mapping
    from typing import Any

    from sqlalchemy import URL, Engine

    from pdfspider.items import Capture, Outcome
    from pdfspider.records.changes import Change
    from pdfspider.records.reader import RetryableUrl
    from pdfspider.records.rows import Row
    from pdfspider.records.visits import HostVisits, RevisitInterval
    from pdfspider.records.writer import Answer, WriteResult

OPEN_TIMEOUT_S = 30.0
BATCH_SIZE = 500
PAGE_SIZE = 500


class Database:
    """The captures and documents of a database.

    All work runs in one thread, so that the event loop never waits. Captures that come within a few milliseconds, or
    while a transaction is written, go into the next transaction together.
    """

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor, database_id: str, patience: float) -> None:
        self._engine = engine
        self._thread = thread
        self._id = database_id
        self._writer = Writer(engine, patience)
        self._inspections = Inspections(engine, patience)
        self._write: Batcher[Row, WriteResult] = Batcher(self._write_group, limit=BATCH_SIZE)
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, patience: float = OPEN_TIMEOUT_S) -> Database:
        """Open the database at ``sqlite:///PATH`` or ``postgresql://…`` and create missing tables.

        ``patience`` is how many seconds a write waits for a database that is locked or unreachable before it fails.
        Raises ConfigurationError if the database cannot be used.
        """
        engine = connect(read_url(url), patience=patience, writes=True)
        thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        try:
            database_id = await asyncio.get_running_loop().run_in_executor(thread, prepare, engine, patience)
            return cls(engine, thread, database_id, patience)
        except BaseException:
            thread.submit(engine.dispose)
            thread.shutdown(wait=False)
            raise

    async def database_id(self) -> str:
        """Return the id that the database got when it was created."""
        return self._id

    async def write(self, capture: Capture) -> Outcome:
        """Write the capture, unless one with a newer token is there, and return its outcome class.

        The owner of the document in this run decides between ``document`` and ``duplicate``. The row is on disk when
        this returns. Raises RecordsError if the row is refused, RecordsUnavailable if the database cannot be used now.
        """
        if self._closed:
            raise RecordsError("The database is closed")
        answer = await self._write(capture_row(capture))
        if isinstance(answer, RecordsError):
            raise answer
        return answer

    async def failed(self, job: str | None = None, outcome: Outcome | None = None) -> AsyncGenerator[RetryableUrl]:
        """Yield the URLs of one outcome class from the latest run of a job, or of every job.

        Without a class, these are the dead letters.
        """
        async with _reader(self._engine.url) as (engine, thread):
            loop = asyncio.get_running_loop()
            found = failure_pages(engine, job, outcome)
            try:
                while page := await loop.run_in_executor(thread, next, found, None):
                    for failure in page:
                        yield failure
            finally:
                thread.submit(found.close)

    async def seeds(self, job: str) -> list[tuple[str, int]]:
        """Return URL and reach of the seeds of the newest run of a job that had any.

        Raises RecordsError.
        """
        async with _reader(self._engine.url) as (engine, thread):
            return await asyncio.get_running_loop().run_in_executor(thread, seeds_of, engine, job)

    async def changes(self, job: str, since: int | None = None) -> AsyncGenerator[Change]:
        """Yield the documents that are new, changed or gone since a run, by default the one before the newest.

        Raises RecordsError, and JobNotFound if the job has no run.
        """
        async with _reader(self._engine.url) as (engine, thread), _reader(self._engine.url) as (other, _):
            loop = asyncio.get_running_loop()
            if await loop.run_in_executor(thread, newest_run, engine, job) is None:
                raise JobNotFound(f"the database has no run of a job {job!r}")
            found = changes(engine, other, job, since)
            try:
                while page := await loop.run_in_executor(thread, next, found, None):
                    for change in page:
                        yield change
            finally:
                thread.submit(found.close)

    async def write_inspections(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Write the results of inspections, which replace earlier ones.

        Each result is a mapping with the names of the columns. Raises RecordsError.
        """
        await self._call(self._inspections.write, found)

    async def inspected(self, hashes: Collection[str]) -> set[str]:
        """Return those of these hashes whose documents have been inspected.

        Raises RecordsError.
        """
        return await self._call(self._inspections.known, hashes)

    async def links_inside(self, hashes: Collection[str]) -> dict[str, list[str]]:
        """Return the links in those of these documents that have been searched for links.

        Raises RecordsError.
        """
        return await self._call(self._inspections.links, hashes)

    async def to_inspect(self, job: str | None = None, among: str | None = None) -> AsyncIterator[str]:
        """Yield the hashes of the documents of a job, or of all, that have not been inspected.

        ``among`` selects the documents whose inspection had that status instead, or all documents if it is empty.
        Inspections may be written meanwhile.
        """
        last: str | None = ""
        while last is not None:
            query = documents_after(last, job, among, PAGE_SIZE)
            page = await self._call(self._inspections.page, query)
            for sha256 in page:
                yield sha256
            last = page[-1] if page else None

    async def visits(
        self, job: str, before: int, pace: RevisitInterval, host_of: Callable[[str], str]
    ) -> dict[str, HostVisits]:
        """Return the hosts that the runs of a job before this one have visited, with their due times.

        Raises RecordsError.
        """
        async with _reader(self._engine.url) as (engine, thread):
            work = partial(visits, engine, job, before, pace, host_of)
            return await asyncio.get_running_loop().run_in_executor(thread, work)

    async def close(self) -> None:
        """Finish the waiting writes and close the connection."""
        self._closed = True
        await self._write.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    async def _call(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        if self._closed:
            raise RecordsError("The database is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _write_group(self, rows: list[Row]) -> list[WriteResult]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.write, rows)


@asynccontextmanager
async def _reader(url: URL) -> AsyncIterator[tuple[Engine, ThreadPoolExecutor]]:
    """Yield an engine and a thread of their own, so that a long read delays no write."""
    engine = connect(url, patience=OPEN_TIMEOUT_S, writes=False)
    thread = ThreadPoolExecutor(1, thread_name_prefix="records-reader")
    try:
        yield engine, thread
    finally:
        thread.submit(engine.dispose)
        thread.shutdown(wait=False)
