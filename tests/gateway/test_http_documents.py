"""Documents by HTTP, whole and in part."""

from __future__ import annotations

import asyncio
import hashlib
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession

from bench.processes import free_port
from pdfspider.client import AsyncClient, ClientError
from pdfspider.client.models import Document
from pdfspider.documents.store import document_path
from pdfspider.gateway.transports.http.transport import HttpTransport
from pdfspider.tasks import end
from tests.gateway.inprocess import listening, service_on

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BODY = b"%PDF-1.4\n" + random.Random(7).randbytes(700_000)
SIZE = len(BODY)
NAME = hashlib.sha256(BODY).hexdigest()
TAG = f'"{NAME}"'


@asynccontextmanager
async def serving(redis_url: str, directory: Path) -> AsyncIterator[str]:
    """The URL of a gateway with one document."""
    file = directory / "files" / document_path(NAME)
    file.parent.mkdir(parents=True)
    file.write_bytes(BODY)
    port = free_port()
    async with (
        service_on(redis_url, directory) as service,
        listening(HttpTransport(f"http://127.0.0.1:{port}", service)),
    ):
        yield f"http://127.0.0.1:{port}"


RANGES = {
    "bytes=0-99": (0, 100),
    "bytes=100-": (100, SIZE),
    "bytes=-100": (SIZE - 100, SIZE),
    f"bytes=-{SIZE + 5}": (0, SIZE),
    f"bytes={SIZE - 1}-{SIZE + 50}": (SIZE - 1, SIZE),
    "Bytes = 5-5": (5, 6),
}
WHOLE = ("bytes=0-1,5-9", "bytes=9-5", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=" + "9" * 5000 + "-", "")
NONE_OF_IT = (f"bytes={SIZE}-", "bytes=-0")


async def test_parts(redis_url: str, tmp_path: Path) -> None:
    async with serving(redis_url, tmp_path) as url, ClientSession(f"{url}/documents/") as client:
        for asked, (first, end) in RANGES.items():
            async with client.get(NAME, headers={"Range": asked}) as answer:
                assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {first}-{end - 1}/{SIZE}")
                assert (await answer.read(), answer.headers["ETag"]) == (BODY[first:end], TAG)
        for asked in WHOLE:
            async with client.get(NAME, headers={"Range": asked}) as answer:
                assert (answer.status, await answer.read()) == (200, BODY)
                assert answer.headers["Accept-Ranges"] == "bytes"
        for asked in NONE_OF_IT:
            async with client.get(NAME, headers={"Range": asked}) as answer:
                assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
                assert (await answer.json())["detail"] == f"the document has {SIZE} bytes"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": "bytes=9-", "If-Range": TAG}, 206),
        ({"Range": "bytes=9-", "If-Range": '"another"'}, 200),
        ({"Range": "bytes=9-", "If-Range": f"W/{TAG}"}, 200),
        ({"Range": "bytes=9-", "If-Range": "Sat, 28 Nov 2026 00:00:00 GMT"}, 200),
        ({"If-None-Match": TAG}, 304),
        ({"If-None-Match": f'"another", W/{TAG}'}, 304),
        ({"If-None-Match": "*", "Range": "bytes=9-"}, 304),
        ({"If-None-Match": '"another"'}, 200),
        ({"If-Match": TAG}, 200),
        ({"If-Match": '"another"'}, 412),
    ],
)
async def test_conditions(redis_url: str, tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with (
        serving(redis_url, tmp_path) as url,
        ClientSession(f"{url}/documents/") as client,
        client.get(NAME, headers=headers) as answer,
    ):
        assert answer.status == status
        body = await answer.read()
        assert body == {200: BODY, 206: BODY[9:], 304: b""}.get(status, body)


async def test_head(redis_url: str, tmp_path: Path) -> None:
    async with serving(redis_url, tmp_path) as url, ClientSession(url) as client:
        for headers in ({}, {"Range": "bytes=5-"}):
            async with client.head(f"/documents/{NAME}", headers=headers) as answer:
                assert (answer.status, answer.content_length, answer.headers["ETag"]) == (200, SIZE, TAG)
        async with client.get(f"/documents/{NAME}") as answer:  # on the same connection
            assert await answer.read() == BODY
        for path, status in {f"/documents/{'0' * 64}": 404, "/jobs": 200, "/jobs/none": 404}.items():
            async with client.head(path) as answer:
                assert (answer.status, await answer.read()) == (status, b"")
        async with client.head("/jobs/none/events") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET")


class Flaky:
    """Passes requests on, and cuts each answer after some bytes."""

    def __init__(self, target: str, answered: int) -> None:
        self.port, self.answers, self._answered = free_port(), 0, answered
        self._target = int(target.rpartition(":")[2])
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Flaky:
        self._server = await asyncio.start_server(self._start, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await end(self._tasks)

    def _start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answers += 1
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            back.write(await reader.readuntil(b"\r\n\r\n"))
            left = self._answered
            while left > 0 and (data := await there.read(min(left, 1 << 16))):
                left -= len(data)
                writer.write(data)
                await writer.drain()
        finally:
            for side in (writer, back):
                side.close()
                with suppress(ConnectionError):
                    await side.wait_closed()


async def test_the_client_continues_where_it_was_cut_off(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = Document(url="", outcome="document", sha256=NAME)
    monkeypatch.setattr("pdfspider.client.http.RETRY_DELAY_S", 0.01)
    async with serving(redis_url, tmp_path) as url:
        async with Flaky(url, 300_000) as proxy, AsyncClient(f"http://127.0.0.1:{proxy.port}") as client:
            assert await client.read(document) == BODY
            assert proxy.answers == 3
        async with Flaky(url, 100) as proxy, AsyncClient(f"http://127.0.0.1:{proxy.port}", timeout=0.3) as client:
            with pytest.raises(ClientError, match="cannot be reached"):
                await client.read(document)
