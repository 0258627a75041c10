"""The client's transport over Redis."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from pdfspider.exceptions import ClientError
from pdfspider.masking import masked_url
from pdfspider.retrying import pauses, retry, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from pdfspider.client.models import Document

DEFAULT_NAMES = {"tasks": "pdf_tasks", "results": "pdfs:results", "events": "", "rejects": "pdf_tasks:rejected"}
BLOCK_MS = 1000
"""Milliseconds for which a stream is waited for before rejects are looked at."""
BATCH_SIZE = 100
CHUNK_SIZE = 1 << 16
RETRY_DELAY_S = 0.5


class RedisTransport:
    """A transport that finds the results of a message by its ``task_id``, or by a generated one."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        self._names = {name: query.pop(name, default) for name, default in DEFAULT_NAMES.items()}
        query.pop("items", None)
        query.pop("keep", None)
        plain = parts._replace(query=urlencode(query), fragment="").geturl()
        self._redis = _connect(plain, timeout)
        self._timeout = timeout

    async def submit(self, message: dict[str, Any], key: str) -> dict[str, Any]:
        """Submit a message, which has the same ``task_id`` if it is sent again after a lost answer."""
        message = {"task_id": key, **message}
        since = {name: await self._newest(name) for name in ("results", "events") if self._names[name]}
        body = json.dumps(message)
        newest_reject = await self._again(lambda: self._redis.lindex(self._names["rejects"], 0))
        await self._again(lambda: self._redis.xadd(f"{self._names['tasks']}:stream", {"message": body}))
        known = {"job": message.get("job"), "task_id": message["task_id"], "body": body}
        return {**known, "since": since, "newest_reject": newest_reject}

    async def events(
        self, receipt: Mapping[str, Any], *, documents: bool
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Yield events; without a stream of events, the documents are those of the result."""
        if "since" not in receipt:
            raise ClientError("over Redis only what this client has handed in can be waited for")
        since = {self._names[name]: last for name, last in receipt["since"].items()}
        result, has_more, newest_reject = None, False, receipt["newest_reject"]
        while result is None or (documents and self._names["events"] and has_more):
            entries = await self._read(since, BLOCK_MS if result is None else None)
            own = [(stream, data) for stream, data in entries if data.get("task_id") == receipt["task_id"]]
            has_more = bool(own)
            for stream, data in own:
                if stream == self._names["events"]:
                    yield "document", data
                else:
                    result = data
            if result is None:
                newest_reject = await self._check_rejects(receipt["body"], newest_reject)
        if not self._names["events"]:
            for document in result["documents"]:
                yield "document", {"id": document["url"], **document}
        yield "result", result

    async def status(self, job: str) -> dict[str, Any]:
        """Raise ClientError, because Redis has no such request."""
        raise ClientError(f"over Redis the status of job {job} cannot be asked for: use HTTP")

    async def control(self, job: str, action: str) -> None:
        """Raise ClientError, because Redis has no such request."""
        raise ClientError(f"over Redis there is no way to {action} job {job}: use HTTP")

    async def read(self, document: Document) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a document whose store is a directory of this machine."""
        if not document.stored or "://" in document.stored:
            raise ClientError(f"{document.stored} cannot be read here: use HTTP")
        try:
            with await asyncio.to_thread(Path(document.stored).open, "rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK_SIZE):
                    yield chunk
        except OSError as error:
            raise ClientError(f"{document.stored} cannot be read here: {error}") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _newest(self, name: str) -> str:
        entries = await self._again(lambda: self._redis.xrevrange(self._names[name], count=1))
        return entries[0][0].decode() if entries else "0-0"

    async def _read(self, since: dict[str, str], block: int | None) -> deque[tuple[str, dict[str, Any]]]:
        """Return the new entries of these streams, and advance ``since``."""
        found: deque[tuple[str, dict[str, Any]]] = deque()
        for stream, entries in await self._again(lambda: self._redis.xread(since, count=BATCH_SIZE, block=block)) or ():
            name = stream.decode()
            for entry, fields in entries:
                since[name] = entry.decode()
                if isinstance(data := _parse(fields.get(b"result") or fields.get(b"document") or b""), dict):
                    found.append((name, data))
        return found

    async def _check_rejects(self, body: str, last: bytes | None) -> bytes | None:
        """Look at the rejects that are newer than ``last``, and return the newest one.

        Raises ClientError if the message is among them.
        """
        newest: bytes | None = None
        start = 0
        while batch := await self._again(
            partial(self._redis.lrange, self._names["rejects"], start, start + BATCH_SIZE)
        ):
            newest = newest or batch[0]
            for raw in batch:
                if raw == last:
                    return newest
                rejected = _parse(raw)
                if isinstance(rejected, dict) and rejected.get("message") == body:
                    raise ClientError(str(rejected.get("reason")), status=400)
            start += len(batch)
        return newest

    async def _again(self, call: Any) -> Any:
        """Repeat a call while Redis cannot be reached.

        Raises ClientError after the time limit, and at once for what only a person can mend.
        """
        goes_on = until(self._timeout)
        away = RedisError, OSError
        try:
            return await retry(
                call,
                pauses(RETRY_DELAY_S, RETRY_DELAY_S),
                on=away,
                goes_on=lambda error, pause: _may_pass(error) and goes_on(error, pause),
            )
        except away as error:
            raise ClientError(f"Redis cannot be used: {error}") from error


def _connect(url: str, timeout: float) -> Any:
    """Return a client.

    Raises ClientError for a URL or an option that redis-py does not know.
    """
    try:
        client = Redis.from_url(url, socket_connect_timeout=timeout)
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError) as error:
        raise ClientError(f"{masked_url(url)} is not a Redis: {error}") from None
    return client


def _may_pass(error: Exception) -> bool:
    """Return whether the same call may succeed later."""
    said = str(error)  # over a socket file redis-py raises another error for a wrong password
    wrong = said.startswith("WRONGTYPE") or "username-password" in said
    return not (wrong or isinstance(error, (AuthenticationError, NoPermissionError)))


def _parse(raw: bytes) -> Any:
    """Return the value of a JSON text, None for anything else, which others may write to the same keys."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
