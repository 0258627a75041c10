"""What the HTTP transport refuses: pages of other origins, odd requests, slow clients."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import zlib
from contextlib import asynccontextmanager, closing
from importlib import import_module
from typing import TYPE_CHECKING, Any

import brotli
import pytest
from aiohttp import ClientSession, web
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bench.processes import free_port
from pdfspider.gateway.transports.http.content_encoding import ENCODINGS
from pdfspider.gateway.transports.http.openapi import describe
from pdfspider.gateway.transports.http.server import Connection
from pdfspider.gateway.transports.http.transport import HttpTransport
from tests.gateway.inprocess import listening, service_on
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Serve = Callable[..., AbstractAsyncContextManager[int]]

MESSAGE = b'{"url": "http://127.0.0.1:9/", "job": "open", "seal": false}'
ROUTES = [
    (method.upper(), path.replace("{job}", "open"))
    for path, operations in describe(with_token=True)["paths"].items()
    for method in operations
    if not path.endswith("/events")
]
CHANGING = [path for method, path in ROUTES if method == "POST"]
TOKEN = "known to both"
ENCODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": lambda body: bytes(import_module("backports.zstd").compress(body)),
}


@pytest.fixture
async def serve(redis_url: str, tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def start(**given: Any) -> AsyncIterator[int]:
        port = free_port()
        async with (
            service_on(redis_url, tmp_path, **given) as service,
            listening(HttpTransport(f"http://127.0.0.1:{port}", service)),
        ):
            yield port

    return start


async def raw(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what is answered to these bytes, after which the client says no more."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(request)
            answer = await reader.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


def request(
    method: str, path: str, body: bytes = b"", headers: dict[str, str | bytes] | None = None, host: str = "127.0.0.1"
) -> bytes:
    given: dict[str, str | bytes] = {"Host": host, "Connection": "close", "Content-Length": str(len(body))}
    if method == "POST" and path == "/jobs":
        given["Content-Type"] = "application/json"
    given |= headers or {}
    lines = [
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) for name, value in given.items()
    ]
    return b"\r\n".join([f"{method} {path} HTTP/1.1".encode(), *lines, b"", body])


def of(path: str) -> bytes:
    return MESSAGE if path == "/jobs" else b""


async def states(port: int, **headers: str) -> dict[str, str]:
    _, _, body = await raw(port, request("GET", "/jobs", headers=dict(headers)))
    return {job: status["state"] for job, status in json.loads(body)["jobs"].items()}


@pytest.mark.parametrize("token", ["", TOKEN])
async def test_no_page_of_another_origin_changes_or_reads_anything(serve: Serve, token: str) -> None:
    mine: dict[str, str] = {"Authorization": f"Bearer {token}"} if token else {}
    async with serve(GATEWAY_TOKEN=token) as port:
        here = f"127.0.0.1:{port}"
        assert (await raw(port, request("POST", "/jobs", MESSAGE, {**mine}, here)))[0] == 202
        foreign = [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": f"http://localhost:{port}"},
            {"Origin": f"http://127.0.0.1:{port + 1}"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ]
        for method, path in ROUTES:
            for headers in foreign:
                answer = await raw(port, request(method, path, of(path), {**mine, **headers}, here))
                assert answer[0] == 403, (method, path, headers)
                assert answer[1]["content-type"].startswith("application/problem+json")
        for content in "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain":
            for path in CHANGING:
                answer = await raw(port, request("POST", path, of(path), {**mine, "Content-Type": content}, here))
                assert answer[0] == 415, (path, content)
        if not token:  # a name that was made to lead here
            for method, path in ROUTES:
                same = {"Origin": f"http://evil.example:{port}", "Sec-Fetch-Site": "same-origin"}
                assert (await raw(port, request(method, path, of(path), dict(same), f"evil.example:{port}")))[0] == 403
        assert await states(port, **mine) == {"open": "running"}

        own = [
            {},
            {"Content-Type": "application/octet-stream"},
            {"Origin": f"http://{here}", "Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none"},
        ]
        for headers in own:
            answer = await raw(port, request("POST", "/jobs/open/pause", b"", {**mine, **headers}, here))
            assert answer[0] == 200
            assert answer[1]["x-content-type-options"] == "nosniff"
            assert answer[1]["cross-origin-resource-policy"] == "same-origin"
        assert await states(port, **mine) == {"open": "paused"}


ODD: dict[str, tuple[int, bytes]] = {
    "authorization": (401, request("GET", "/jobs", headers={"Authorization": "Bearer gefüllt"})),
    "idempotency key": (400, request("POST", "/jobs", MESSAGE, {"Idempotency-Key": "schlüssel"})),
    "bytes of no text": (400, request("POST", "/jobs", MESSAGE, {"Idempotency-Key": b"\xff\xfe"})),
    "a long key": (400, request("POST", "/jobs", MESSAGE, {"Idempotency-Key": "k" * 256})),
    "gzip": (400, request("POST", "/jobs", gzip.compress(MESSAGE)[:-9] + b"x" * 9, {"Content-Encoding": "gzip"})),
    "no gzip": (400, request("POST", "/jobs", MESSAGE, {"Content-Encoding": "gzip"})),
    "no deflate": (400, request("POST", "/jobs", MESSAGE, {"Content-Encoding": "deflate"})),
    "no brotli": (400, request("POST", "/jobs", MESSAGE, {"Content-Encoding": "br"})),
    "an unknown encoding": (415, request("POST", "/jobs", MESSAGE, {"Content-Encoding": "lzma"})),
    "a bad chunk": (
        400,
        request("POST", "/jobs", b'5\r\n{"url\r\nzz\r\n', {"Transfer-Encoding": "chunked"}).replace(
            b"Content-Length: 15\r\n", b""
        ),
    ),
    "a host that is none": (400, request("GET", "/jobs", host="[::1")),
    "a port that is none": (400, request("GET", "/jobs", host="127.0.0.1:x")),
    "a path that is no text": (400, request("GET", "/jobs/%FF%FE")),
    "a query that is no text": (400, request("GET", "/jobs?limit=%FF")),
    "no HTTP": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "a header that is none": (400, b"GET /jobs HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n"),
    "a bad length": (400, b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n"),
    "an unknown expectation": (417, request("POST", "/jobs", MESSAGE, {"Expect": "a miracle"})),
    "an expectation that is no text": (400, request("POST", "/jobs", MESSAGE, {"Expect": b"\x80"})),
    "an expectation of no resource": (400, request("GET", "/nothing", headers={"Expect": b"\x80"})),
    "an expectation of another method": (417, request("GET", "/jobs/open/pause", headers={"Expect": "\u00e4"})),
    "a lone surrogate": (400, request("POST", "/jobs", b'{"url": "http://127.0.0.1/", "task_id": "\\ud800"}')),
    "no UTF-8": (400, request("POST", "/jobs", b'{"url": "http://127.0.0.1/\xff"}')),
}


async def test_what_makes_no_sense_is_refused_with_a_reason(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as port, serve(GATEWAY_TOKEN=TOKEN) as guarded:
        for name, (status, odd) in ODD.items():
            found, headers, body = await raw(guarded if status == 401 else port, odd)
            assert found == status, (name, body)
            if "content-type" in headers:
                assert headers["content-type"].startswith("application/problem+json"), name
                problem = json.loads(body)
                assert problem["status"] == status
                assert problem["title"]
                assert problem["detail"]
        assert await states(port) == {}
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("name", [name for name in ENCODINGS if name != "identity"])
async def test_a_body_that_is_not_encoded_as_it_says_is_refused_with_the_reason(serve: Serve, name: str) -> None:
    encoded = ENCODED[name](MESSAGE)
    async with serve(GATEWAY_MESSAGE_MAX_SIZE=5000) as port:

        async def ask(body: bytes, spelling: str = name) -> tuple[int, str]:
            status, _, answer = await raw(port, request("POST", "/jobs", body, {"Content-Encoding": spelling}))
            return status, json.loads(answer).get("detail", "")

        for body in MESSAGE, b"junk", encoded[:-1], encoded[: len(encoded) // 2]:
            status, reason = await ask(body)
            assert status == 400, body
            assert f"not encoded as Content-Encoding says: not valid as {name}: " in reason
        assert await states(port) == {}
        status, reason = await ask(ENCODED[name](MESSAGE + b" " * 1_000_000))
        assert (status, reason) == (413, "a message of more than 5,000 bytes when it is not compressed")
        assert await ask(encoded) == await ask(encoded, name.upper()) == await ask(encoded, f"x-{name}") == (202, "")


async def test_deflate_may_come_without_the_head_of_zlib(serve: Serve) -> None:
    asked = request("POST", "/jobs", zlib.compress(MESSAGE)[2:-4], {"Content-Encoding": "deflate"})
    async with serve() as port:
        assert (await raw(port, asked))[0] == 202


async def test_a_client_that_leaves_in_its_body_leaves_no_traceback(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as port:
        for half in request("POST", "/jobs", MESSAGE)[:-20], request("POST", "/jobs", MESSAGE)[:30]:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(half)
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
        assert await states(port) == {}
    assert not [record for record in caplog.records if record.exc_info]


HEADERS = st.sampled_from(
    [
        "Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Encoding", "Content-Length",
        "Content-Type", "Cookie", "Expect", "Host", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Origin",
        "Range", "Sec-Fetch-Site", "TE", "Transfer-Encoding", "Upgrade", "X-Forwarded-For",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from(
        [b"", b"chunked", b"gzip", b"100-continue", b"websocket", b"-1", b"0", b"*", b"\xc3\xa4", b'"', b"1:end"]
    ),
)


async def test_no_headers_make_it_fail(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """On each route of the OpenAPI document."""
    loop = asyncio.get_running_loop()
    async with serve(GATEWAY_CLIENT_TIMEOUT=0.2) as port:

        @settings(
            max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @example(("POST", "/jobs"), [("Expect", b"\x80")])
        @given(st.sampled_from(ROUTES), st.lists(st.tuples(HEADERS, VALUES), min_size=1, max_size=3))
        def ask(route: tuple[str, str], odd: list[tuple[str, bytes]]) -> None:
            given_headers = {name: value.replace(b"\r", b"").replace(b"\n", b"") for name, value in odd}
            asked = request(*route, of(route[1]), given_headers)
            answer = asyncio.run_coroutine_threadsafe(answered(port, asked), loop).result(PATIENCE)
            status = int(answer.split(b" ", 2)[1]) if answer else 0
            assert status < 500, (route, odd, answer)

        await asyncio.to_thread(ask)
    assert not [record for record in caplog.records if record.exc_info]


async def answered(port: int, asked: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(asked)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_half_requests_are_ended(serve: Serve) -> None:
    """Headers, a body, a request after another, and an answer that is not read."""
    halves = [
        b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
        b"",
        request("POST", "/jobs", MESSAGE)[:-10],
        b"GET /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /jobs HT",
    ]
    async with serve(GATEWAY_CLIENT_TIMEOUT=0.5) as port:
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*(answered(port, half) for half in halves * 20))
        assert [answer[:12] for answer in answers[:5]] == [b"", b"", b"HTTP/1.1 408", b"HTTP/1.1 200", b"HTTP/1.1 200"]
        assert b"408" in answers[2]
        await reads_nothing(port)
        assert await states(port) == {}


async def reads_nothing(port: int) -> None:
    """Returns when the connection has been ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)

    async def ask_on() -> None:
        while True:
            writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(ask_on(), PATIENCE)
    writer.close()
    assert reader


async def test_connections_are_bounded(serve: Serve) -> None:
    waits = b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
    for bound in {"GATEWAY_CONNECTIONS": 5}, {"GATEWAY_CONNECTIONS_PER_ADDRESS": 5}:
        async with serve(GATEWAY_CLIENT_TIMEOUT=PATIENCE, **bound) as port:
            held = []
            for _ in range(5):
                held.append(await asyncio.open_connection("127.0.0.1", port))
                held[-1][1].write(waits)
            async with asyncio.timeout(PATIENCE):
                while await answered(port, request("GET", "/jobs")):
                    pass  # not all were accepted yet
                for _, writer in held:
                    writer.close()
                while not await answered(port, request("GET", "/jobs")):
                    pass


async def test_a_message_may_begin_with_a_byte_order_mark(serve: Serve) -> None:
    bodies = [
        b'\xef\xbb\xbf{"url": "http://127.0.0.1:9/1"}',
        b' \r\n\xef\xbb\xbf \t{"url": "http://127.0.0.1:9/2"} \n',
        b'\xef\xbb\xbf"http://127.0.0.1:9/3"',
        b"\xef\xbb\xbf http://127.0.0.1:9/4\r\n",
    ]
    async with serve() as port:
        for body in bodies:
            assert (await raw(port, request("POST", "/jobs", body)))[0] == 202


async def test_an_idempotency_key_stands_for_one_body(serve: Serve) -> None:
    mine = {"Content-Type": "application/json", "Idempotency-Key": '"8e03978e-40d5"'}
    message = {"url": "http://127.0.0.1:9/"}
    async with serve() as port, ClientSession(f"http://127.0.0.1:{port}", headers=mine) as client:

        async def post(fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            async with client.post("/jobs", json=fields) as response:
                return response.status, await response.json(content_type=None)

        assert (await post({"url": "nonsense"}))[0] == 400  # what was refused may be mended
        first, *others = await asyncio.gather(*(post(message) for _ in range(8)))
        assert first[0] == 202
        told = {(status, body["job"], body["result_id"]) for status, body in (first, *others)}
        assert told == {(202, first[1]["job"], first[1]["result_id"])}
        assert sum(body["added"] for _, body in (first, *others)) == 1
        status, problem = await post({**message, "depth": 3})
        assert (status, problem["title"]) == (422, "Unprocessable Entity")
        assert "another body" in problem["detail"]
        assert len(await states(port)) == 1


@pytest.mark.parametrize(("error", "logged"), [("of ours", 1), ("unable to write; the handler is closed", 0)])
async def test_a_client_that_leaves_while_it_is_answered_leaves_no_traceback(
    error: str, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection(web.Server(lambda _: None), 0, lambda: None)  # type: ignore[arg-type,return-value]
    with caplog.at_level(logging.ERROR):
        connection.log_exception("Unhandled exception", exc_info=RuntimeError(error))
    assert len(caplog.records) == logged
