"""The client's transport over HTTP."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
from aiohttp import ClientConnectionError, ClientPayloadError, ClientResponse, ClientSession, ClientTimeout

from pdfspider.exceptions import ClientError
from pdfspider.retrying import pauses, retry, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from typing import TypeVar

    from pdfspider.client.models import Document

    T = TypeVar("T")

RETRY_DELAY_S = 0.5
EVENT_STREAM = "text/event-stream"
CHUNK_SIZE = 1 << 16
MAX_EVENT_SIZE = 1 << 26
SILENCE_TIMEOUT_S = 60.0
"""Seconds: a stream has a sign of life more often."""
CONNECTION_ERRORS = (ClientConnectionError, ClientPayloadError, TimeoutError)


class HttpTransport:
    """A transport that repeats a request for ``timeout`` seconds while the gateway cannot be reached."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        self._url, self._timeout = url.rstrip("/"), timeout
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: ClientSession | None = None

    async def submit(self, message: dict[str, Any], key: str) -> dict[str, Any]:
        """Submit a message with an idempotency key."""
        return await self._ask("POST", "/jobs", json=message, headers={"Idempotency-Key": key})

    async def status(self, job: str) -> dict[str, Any]:
        """Return the status of a job."""
        return await self._ask("GET", f"/jobs/{quote(job, safe='')}")

    async def control(self, job: str, action: str) -> None:
        """Apply "pause", "resume" or "cancel" to a job."""
        await self._ask("POST", f"/jobs/{quote(job, safe='')}/{action}")

    async def events(
        self, receipt: Mapping[str, Any], *, documents: bool
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Yield events, and connect again after the last one when the connection is lost."""
        job, last = receipt["job"], ""
        path = f"/jobs/{quote(job, safe='')}/events?documents={'true' if documents else 'false'}"
        while True:
            response = await self._again(partial(self._open, "GET", path, headers={"Last-Event-ID": last}))
            if response.content_type != EVENT_STREAM:
                response.close()
                raise ClientError(f"{self._url} is not a gateway: it answers {response.content_type}")
            try:
                async for event in _parse(response):
                    last = event.get("id", last)
                    yield event["event"], json.loads(event["data"])
                    if event["event"] == "result":
                        return
            except CONNECTION_ERRORS:
                pass
            finally:
                response.close()
            await asyncio.sleep(RETRY_DELAY_S)

    async def read(self, document: Document) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a document, some at a time, and continue after the last one when the connection is lost.

        Raises ClientError if no byte comes for the time limit.
        """
        loop = asyncio.get_running_loop()
        at, end = 0, loop.time() + self._timeout
        while True:
            response = await self._again(partial(self._open_from, document.sha256, at))
            left_out = at if response.status == 200 else 0
            try:
                async for chunk in response.content.iter_chunked(CHUNK_SIZE):
                    new, left_out = chunk[left_out:], max(left_out - len(chunk), 0)
                    if new:
                        at, end = at + len(new), loop.time() + self._timeout
                        yield new
            except CONNECTION_ERRORS as error:
                if loop.time() + RETRY_DELAY_S > end:
                    raise ClientError(f"the document {document.sha256} ended early: {error}") from error
            else:
                return
            finally:
                response.close()
            await asyncio.sleep(RETRY_DELAY_S)

    async def _open_from(self, sha256: str, at: int) -> ClientResponse:
        """Ask for a document, from an offset on."""
        headers = {"Range": f"bytes={at}-", "If-Range": f'"{sha256}"'} if at else {}
        return await self._open("GET", f"/documents/{sha256}", headers=headers)

    async def close(self) -> None:
        """Close the connection."""
        if self._session:
            await self._session.close()

    async def _ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            response = await self._open(method, path, **given)
            async with response:
                return dict(await response.json())

        return await self._again(ask)

    async def _open(self, method: str, path: str, **given: Any) -> ClientResponse:
        """Send a request and return the response.

        Raises ClientError for a failure, and ConnectionError for one that may pass.
        """
        if self._session is None:
            timeout = ClientTimeout(
                total=None, sock_connect=self._timeout, sock_read=max(self._timeout, SILENCE_TIMEOUT_S)
            )
            self._session = ClientSession(headers=self._headers, timeout=timeout, read_bufsize=CHUNK_SIZE)
        response = await self._session.request(method, f"{self._url}{path}", **given)
        if response.ok:
            return response
        async with response:
            reason = await _reason(response)
        if response.status in (429, 502, 503, 504):
            raise ClientConnectionError(reason)
        raise ClientError(reason, status=response.status)

    async def _again(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call while the gateway cannot be reached.

        Raises ClientError after the time limit.
        """
        try:
            return await retry(
                call, pauses(RETRY_DELAY_S, RETRY_DELAY_S), on=CONNECTION_ERRORS, goes_on=until(self._timeout)
            )
        except CONNECTION_ERRORS as error:
            raise ClientError(f"{self._url} cannot be reached: {error}") from error
        except (aiohttp.ClientError, ValueError, TypeError) as error:  # the URL, or an answer that is not JSON
            raise ClientError(f"{self._url} is not a gateway: {error}") from error


async def _reason(response: ClientResponse) -> str:
    try:
        return str((await response.json(content_type=None))["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered {response.status}"


async def _parse(response: ClientResponse) -> AsyncGenerator[dict[str, str], None]:
    """Yield the fields of each server-sent event."""
    fields: dict[str, str] = {}
    while line := await response.content.readline(max_line_length=MAX_EVENT_SIZE):
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif "event" in fields:
            yield fields
            fields = {}
        else:
            fields = {}
