"""Gateways behind nginx, and behind a proxy that cuts connections on which nothing happens."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import zmq
import zmq.asyncio
import zmq.auth
from aiohttp import ClientSession, ClientTimeout
from yarl import URL

from bench.processes import free_port
from pdfspider.client import AsyncClient
from pdfspider.gateway.base import Result
from pdfspider.gateway.transports.grpc.masters_pb2 import Message, Question
from pdfspider.gateway.transports.grpc.masters_pb2_grpc import MastersStub
from pdfspider.gateway.transports.grpc.transport import GrpcTransport
from pdfspider.gateway.transports.http.transport import HttpTransport
from pdfspider.gateway.transports.zeromq.transport import ZeroMqTransport
from pdfspider.tasks import end
from tests.gateway.inprocess import listening, service_on
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KEEP_ALIVE, CUT, QUIET = 0.3, 1.2, 3.0
"""Seconds between two signs of life, after which a proxy cuts, and for which nothing happens: 15, 60 and 150, but
fifty times as fast.
"""
OPEN = {"url": "http://127.0.0.1:9/", "job": "open", "seal": False}
NGINX = """
daemon off; pid {directory}/pid; error_log {directory}/error.log; {user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location /pdfs/ {{ proxy_pass http://127.0.0.1:{gateway}/; proxy_read_timeout 2s; }}
    }}
}}
"""


@asynccontextmanager
async def nginx(directory: Path, gateway: int) -> AsyncIterator[str]:
    """The URL under which a gateway can be reached by nginx as Debian has it, but for the short time limit."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no nginx: apt-get install nginx-light")
    port = free_port()
    user = "user root;" if os.getuid() == 0 else ""
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(directory=directory, user=user, port=port, gateway=gateway))
    process = subprocess.Popen([program, "-c", config, "-p", directory], stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(PATIENCE):
            while not await can_connect(port):
                await asyncio.sleep(0.05)
                assert process.poll() is None, (directory / "error.log").read_text()
        yield f"http://127.0.0.1:{port}/pdfs"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, PATIENCE)


async def can_connect(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


class CuttingProxy:
    """Passes bytes on in both directions, and cuts a connection when there were none for a second."""

    def __init__(self, target: int) -> None:
        self.port, self.cuts = free_port(), 0
        self._target = target
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> CuttingProxy:
        self._server = await asyncio.start_server(self._start, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._server.close()
        await end(self._tasks)

    def _start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closed:  # it was accepted before
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also if it was cancelled before it began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        last = [asyncio.get_running_loop().time()]
        ways = [asyncio.create_task(self._pass(*way, last)) for way in ((reader, back), (there, writer))]
        try:
            while not any(way.done() for way in ways):
                await asyncio.wait(ways, timeout=CUT / 10, return_when=asyncio.FIRST_COMPLETED)
                if asyncio.get_running_loop().time() > last[0] + CUT and not await self._comes_late(last):
                    self.cuts += 1
                    break
        finally:
            await end(ways)
            back.transport.abort()

    async def _comes_late(self, last: list[float]) -> bool:
        """Whether there is something to read, for which a busy machine had no time."""
        seen = last[0]
        await asyncio.sleep(CUT / 10)
        return last[0] > seen

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: list[float]) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                last[0] = asyncio.get_running_loop().time()
                writer.write(data)
                await writer.drain()


async def test_http_behind_nginx(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    async with (
        service_on(redis_url, tmp_path, GATEWAY_KEEP_ALIVE=KEEP_ALIVE) as service,
        listening(HttpTransport(f"http://127.0.0.1:{port}", service)),
        nginx(tmp_path, port) as url,
        ClientSession(timeout=ClientTimeout(PATIENCE)) as client,
    ):
        async with client.post(f"{url}/jobs", json=OPEN) as accepted:
            assert accepted.status == 202
            assert accepted.url.join(URL(accepted.headers["Location"])).path == "/pdfs/jobs/open"
        async with client.get(f"{url}/jobs/open/events") as stream:
            assert b"id: " in await stream.content.readline()  # at once: nothing is held back
            loop = asyncio.get_running_loop()
            until = loop.time() + QUIET
            while loop.time() < until:
                assert await stream.content.readline()
            await service.control("open", "pause")
            while b"paused" not in (line := await stream.content.readline()):
                assert line
        async with AsyncClient(url) as master:
            assert (await master.job("open").status()).state == "paused"


async def test_a_proxy_that_cuts_what_is_quiet(redis_url: str, tmp_path: Path) -> None:
    """Whoever watches or listens stays connected; whoever asks again after a while connects anew."""
    ports = free_port(), free_port()
    sockets = [free_port() for _ in range(3)]
    zeromq_url = f"zmq://127.0.0.1:{sockets[0]}?push={sockets[1]}&results={sockets[2]}"
    async with service_on(redis_url, tmp_path, GATEWAY_KEEP_ALIVE=KEEP_ALIVE) as service, AsyncExitStack() as stack:
        transports = [
            HttpTransport(f"http://127.0.0.1:{ports[0]}", service),
            GrpcTransport(f"grpc://127.0.0.1:{ports[1]}", service),
            published := ZeroMqTransport(zeromq_url, service),
        ]
        for transport in transports:
            await stack.enter_async_context(listening(transport))
        http, calls, requests, results = [
            await stack.enter_async_context(CuttingProxy(port)) for port in (*ports, sockets[0], sockets[2])
        ]
        master = await stack.enter_async_context(AsyncClient(f"http://127.0.0.1:{http.port}"))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{calls.port}"))
        context = stack.enter_context(zmq.asyncio.Context())
        asking = stack.enter_context(context.socket(zmq.REQ))
        listener = stack.enter_context(context.socket(zmq.SUB))
        asking.linger = listener.linger = 0
        asking.connect(f"tcp://127.0.0.1:{requests.port}")
        listener.connect(f"tcp://127.0.0.1:{results.port}")
        listener.subscribe(b"")
        async with asyncio.timeout(PATIENCE):
            stub = MastersStub(channel)
            await stub.Submit(Message(urls=[OPEN["url"]], job="open", seal=False), wait_for_ready=True)
            watching = stub.Watch(Question(job="open"))
            assert (await watching.read()).status.state == "running"
            waiting = asyncio.create_task(master.job("open").wait())
            await ask(asking)
            await asyncio.sleep(QUIET)
            await published.publish(Result(id="1-0123456789abcdef", job="open", reply={}, body=body()))
            assert (await listener.recv_multipart())[0] == b"open"
            await ask(asking)
            await stub.Submit(Message(urls=["http://127.0.0.1:9/more"], job="open", seal=False))
            await master.job("open").cancel()
            while await service.frontier.sweep():
                pass
            assert (await waiting).state == "cancelled"
            while not (event := await watching.read()).HasField("result"):
                assert event is not grpc.aio.EOF
            assert event.result.state == "cancelled"
        assert (calls.cuts, results.cuts, requests.cuts) == (0, 0, 0)


async def ask(socket: Any) -> None:
    await socket.send_json({"request": "status", "job": "open"})
    assert (await socket.recv_json())["state"] == "running"


def body() -> bytes:
    own = {"task_id": None, "meta": None, "urls": []}
    return json.dumps({"id": "1-0123456789abcdef", "job": "open", "run": 1, "state": "finished", **own}).encode()


@asynccontextmanager
async def curve(directory: Path, redis_url: str) -> AsyncIterator[tuple[Any, list[int], dict[str, bytes]]]:
    """A gateway that speaks CURVE, its ports, and the options of a client that it knows."""
    known = directory / "clients"
    known.mkdir()
    _, secret = zmq.auth.create_certificates(directory, "gateway")
    _, mine = zmq.auth.create_certificates(known, "master")
    keys = dict(zip(("curve_publickey", "curve_secretkey"), zmq.auth.load_certificate(mine), strict=True))
    ports = [free_port() for _ in range(3)]
    options = f"push={ports[1]}&results={ports[2]}&secret={secret}&clients={known}"
    async with (
        service_on(redis_url, directory) as service,
        listening(ZeroMqTransport(f"zmq://127.0.0.1:{ports[0]}?{options}", service)) as transport,
    ):
        yield transport, ports, {**keys, "curve_serverkey": zmq.auth.load_certificate(secret)[0]}


async def test_curve_from_end_to_end(redis_url: str, tmp_path: Path) -> None:
    """All three sockets, for a client that is known and for one that is not."""
    async with curve(tmp_path, redis_url) as (transport, ports, mine), asyncio.timeout(PATIENCE):
        public, private = zmq.curve_keypair()
        strange = {**mine, "curve_publickey": public, "curve_secretkey": private}
        with zmq.asyncio.Context() as context, ExitStack() as stack:
            sockets = {}
            for name, options in ("known", mine), ("strange", strange), ("plain", {}):
                for kind, port in zip((zmq.REQ, zmq.PUSH, zmq.SUB), ports, strict=True):
                    socket = sockets[name, kind] = stack.enter_context(context.socket(kind))
                    socket.linger = 0
                    for option, value in options.items():
                        setattr(socket, option, value)
                    socket.connect(f"tcp://127.0.0.1:{port}")
            for name in "known", "strange", "plain":
                sockets[name, zmq.SUB].subscribe(b"")
                for kind in zmq.REQ, zmq.PUSH:
                    message = {**OPEN, "job": f"{name}-{kind}"}
                    sending = asyncio.ensure_future(sockets[name, kind].send_json(message))
                    await asyncio.wait([sending], timeout=PATIENCE if name == "known" else 0.2)
            assert (await sockets["known", zmq.REQ].recv_json())["job"] == f"known-{zmq.REQ}"
            expected = {f"known-{zmq.REQ}", f"known-{zmq.PUSH}"}
            while set(await transport.service.jobs(100)) != expected:
                await asyncio.sleep(0.05)
            received = asyncio.ensure_future(sockets["known", zmq.SUB].recv_multipart())
            while not received.done():  # a subscription takes a moment
                await transport.publish(Result(id="1-0123456789abcdef", job="open", reply={}, body=body()))
                await asyncio.wait([received], timeout=0.1)
            assert received.result()[0] == b"open"
            for name in "strange", "plain":
                assert not await sockets[name, zmq.SUB].poll(200)
                assert not await sockets[name, zmq.REQ].poll(0)
            assert set(await transport.service.jobs(100)) == expected
