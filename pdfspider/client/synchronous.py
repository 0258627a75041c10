"""The client for programs without asyncio."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self

from pdfspider.client.asynchronous import AsyncClient

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Iterator
    from pathlib import Path
    from typing import TypeVar

    from pdfspider.client.asynchronous import AsyncJob
    from pdfspider.client.models import Document, Result, Status

    T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pdfspider-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result; an interrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def iterate(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        """Yield the items of an asynchronous iterator."""
        done: Any = object()

        async def step() -> T:
            return await anext(items, done)

        async def close() -> None:
            await items.aclose()

        try:
            while (item := self.run(step())) is not done:
                yield item
        finally:
            self.run(close())

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Client:
    """``AsyncClient`` for programs without asyncio; may be used by several threads."""

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 30.0) -> None:
        self._client = AsyncClient(url, token=token, timeout=timeout)
        self._loop: Loop | None = Loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._loop:
            self._loop.run(self._client.close())
            self._loop.close()
            self._loop = None

    def submit(self, *urls: str, **fields: Any) -> Job:
        """Submit URLs as a job, or as a part of the job that is called ``job``.

        ``fields`` are those of a message: job, depth, scope, priority, max_documents, meta, task_id, seal, due. Raises
        ClientError for an invalid message, and if the gateway cannot be reached.
        """
        return Job(self._running, self._running.run(self._client.submit(*urls, **fields)))

    def job(self, name: str) -> Job:
        """Return a job that was submitted before, by its name."""
        return Job(self._running, self._client.job(name))

    def read(self, document: Document) -> bytes:
        """Return a document's bytes."""
        return self._running.run(self._client.read(document))

    def save(self, document: Document, path: str | Path) -> None:
        """Write a document to a file."""
        self._running.run(self._client.save(document, path))

    def chunks(self, document: Document) -> Iterator[bytes]:
        """Yield a document's bytes, some at a time."""
        return self._running.iterate(self._client.chunks(document))

    @property
    def _running(self) -> Loop:
        if self._loop is None:
            raise RuntimeError("the client is closed")
        return self._loop


class Job:
    """A job that was submitted."""

    def __init__(self, loop: Loop, job: AsyncJob) -> None:
        self._loop, self._job = loop, job

    @property
    def name(self) -> str:
        """The job's name, "" if the gateway has not told it yet, as over Redis."""
        return self._job.name

    def status(self) -> Status:
        """Return the status of the job."""
        return self._loop.run(self._job.status())

    def wait(self, timeout: float | None = None) -> Result:
        """Return the result when the job has ended.

        Raises TimeoutError after ``timeout`` seconds, and ClientError.
        """
        return self._loop.run(self._job.wait(timeout))

    def documents(self) -> Iterator[Document]:
        """Yield each document once, as it is found, until the job has ended."""
        return self._loop.iterate(self._job.documents())

    def pause(self) -> None:
        """Pause the job."""
        self._loop.run(self._job.pause())

    def resume(self) -> None:
        """Resume the job."""
        self._loop.run(self._job.resume())

    def cancel(self) -> None:
        """Cancel the job."""
        self._loop.run(self._job.cancel())
