"""The client for asyncio."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import urlsplit

from pdfspider.client import models
from pdfspider.exceptions import ClientError
from pdfspider.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from pdfspider.client.models import Document, Result, Status

    Events = AsyncGenerator[tuple[str, dict[str, Any]], None]


class Transport(Protocol):
    """A way to talk with a gateway; every method raises ClientError."""

    async def submit(self, message: dict[str, Any], key: str) -> dict[str, Any]:
        """Submit a message, once for each ``key``, and return what is known of its job."""
        ...

    def events(self, receipt: Mapping[str, Any], *, documents: bool) -> Events:
        """Yield the names and data of events; the last one is ``result``."""
        ...

    async def status(self, job: str) -> dict[str, Any]:
        """Return the status of a job."""

    async def control(self, job: str, action: str) -> None:
        """Apply "pause", "resume" or "cancel" to a job."""

    def read(self, document: Document) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a document, some at a time."""
        ...

    async def close(self) -> None:
        """Close the connection."""


class AsyncClient:
    """Submits work to the gateway at ``http://``, ``https://``, ``redis://``, ``rediss://`` or ``unix://``.

    A Redis URL has the same options as in GATEWAY_URLS: ``tasks``, ``results``, ``events``, ``rejects``. ``timeout`` is
    how many seconds a gateway that does not answer is tried again.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 30.0) -> None:
        self._transport = _transport(url, token, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._transport.close()

    async def submit(self, *urls: str, **fields: Any) -> AsyncJob:
        """Submit URLs as a job, or as a part of the job that is called ``job``.

        ``fields`` are those of a message: job, depth, scope, priority, max_documents, meta, task_id, seal, due. Raises
        ClientError for an invalid message, and if the gateway cannot be reached.
        """
        key = uuid.uuid4().hex
        message = {"urls": list(urls), **fields}
        return AsyncJob(self._transport, await self._transport.submit(message, key))

    def job(self, name: str) -> AsyncJob:
        """Return a job that was submitted before, by its name."""
        return AsyncJob(self._transport, {"job": name})

    async def read(self, document: Document) -> bytes:
        """Return a document's bytes."""
        async with aclosing(self.chunks(document)) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def save(self, document: Document, path: str | Path) -> None:
        """Write a document to a file."""
        with await asyncio.to_thread(Path(path).open, "wb") as file:
            async with aclosing(self.chunks(document)) as chunks:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)

    def chunks(self, document: Document) -> AsyncGenerator[bytes, None]:
        """Yield a document's bytes, some at a time."""
        return self._transport.read(document)


class AsyncJob:
    """A job that was submitted."""

    def __init__(self, transport: Transport, receipt: Mapping[str, Any]) -> None:
        self._transport, self._receipt = transport, receipt

    @property
    def name(self) -> str:
        """The job's name, "" if the gateway has not told it yet, as over Redis."""
        return str(self._receipt.get("job") or "")

    async def status(self) -> Status:
        """Return the status of the job."""
        return models.status(await self._transport.status(self.name))

    async def wait(self, timeout: float | None = None) -> Result:
        """Return the result when the job has ended.

        Raises TimeoutError after ``timeout`` seconds, and ClientError.
        """
        waiting = asyncio.create_task(self._result())
        try:
            done, _ = await asyncio.wait({waiting}, timeout=timeout)
        finally:
            await end([waiting])
        if not done:
            raise TimeoutError(f"the job has not ended after {timeout} seconds")
        return waiting.result()

    async def _result(self) -> Result:
        async with aclosing(self._events(documents=False)) as events:
            async for name, data in events:
                if name == "result":
                    return models.result(data)
        raise ClientError("the job has ended without a result")

    async def documents(self) -> AsyncGenerator[Document, None]:
        """Yield each document once, as it is found, until the job has ended."""
        known = set()
        async with aclosing(self._events(documents=True)) as events:
            async for name, data in events:
                if name == "document" and data["id"] not in known:
                    known.add(data["id"])
                    yield models.document(data)

    async def pause(self) -> None:
        """Pause the job."""
        await self._transport.control(self.name, "pause")

    async def resume(self) -> None:
        """Resume the job."""
        await self._transport.control(self.name, "resume")

    async def cancel(self) -> None:
        """Cancel the job."""
        await self._transport.control(self.name, "cancel")

    def _events(self, *, documents: bool) -> Events:
        return self._transport.events(self._receipt, documents=documents)


def _transport(url: str, token: str | None, timeout: float) -> Transport:
    scheme = urlsplit(url).scheme
    if scheme in ("http", "https"):
        from pdfspider.client.http import HttpTransport

        return HttpTransport(url, token, timeout)
    if scheme in ("redis", "rediss", "unix"):
        from pdfspider.client.redis import RedisTransport

        return RedisTransport(url, timeout)
    raise ClientError(f"{url!r} is not a gateway: expected http, https, redis, rediss or unix")
