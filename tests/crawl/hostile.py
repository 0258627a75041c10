"""A server on raw sockets that answers byte for byte what a test wants."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bench.content import page_html, pdf
from bench.server import listen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = bytes | Callable[["Request"], None]

REQUEST_LINE = re.compile(rb"GET (\S+) HTTP/1\.1\r\n")
HTML = "text/html"
PDF = "application/pdf"


class Seen(NamedTuple):
    """A request that has come; ``at`` is on the machine's monotonic clock."""

    at: float
    address: str
    path: str


@dataclass
class Request:
    """What an answer is made for. It may send what it likes, and closes the connection by ``close``."""

    connection: socket.socket
    address: str
    path: str
    headers: str
    stopped: threading.Event
    close: bool = False

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def hang(self) -> None:
        """Says nothing until the server stops."""
        self.stopped.wait()
        self.close = True


@dataclass
class Hostile:
    """Answers by path, the same on all its addresses; a path that it does not know is a 404."""

    sockets: list[socket.socket]
    answers: dict[str, Answer] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    connections: list[socket.socket] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.sockets[0].getsockname()[1])

    def url(self, path: str = "/", host: int = 1) -> str:
        return f"http://127.0.0.{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [request.path for request in self.seen]

    def run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self, listener: socket.socket) -> None:
        address = listener.getsockname()[0]
        while not self.stopped.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                self.connections.append(connection)
                self.run(self.serve, connection, address)

    def serve(self, connection: socket.socket, address: str) -> None:
        with connection, contextlib.suppress(OSError):
            data = b""
            while not self.stopped.is_set() and (chunk := connection.recv(65536)):
                data += chunk
                if not data.startswith(b"GET "):
                    self.bad.append(data)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                head, end, rest = data.partition(b"\r\n\r\n")
                if not end:
                    continue
                data = rest
                if not self.answer(connection, address, head + b"\r\n"):
                    return

    def answer(self, connection: socket.socket, address: str, head: bytes) -> bool:
        """Whether the connection stays open."""
        match = REQUEST_LINE.match(head)
        assert match
        path = match[1].decode("latin-1")
        self.seen.append(Seen(time.monotonic(), address, path))
        answer = self.answers.get(path, reply(b"nothing here", HTML, status="404 Not Found"))
        if isinstance(answer, bytes):
            connection.sendall(answer)
            return b"\r\nconnection: close\r\n" not in answer.lower()
        request = Request(connection, address, path, head.decode("latin-1"), self.stopped)
        answer(request)
        return not request.close

    def stop(self) -> None:
        self.stopped.set()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        for listener in self.sockets:
            listener.close()


@contextlib.contextmanager
def hostile(answers: dict[str, Answer] | None = None, hosts: int = 2) -> Iterator[Hostile]:
    """Serves on the first ``hosts`` loopback addresses until the block ends."""
    sockets = listen([f"127.0.0.{host + 1}" for host in range(hosts)], 0)
    server = Hostile(sockets, {} if answers is None else answers)
    for listener in sockets:
        listener.settimeout(0.1)
        server.run(server.accept, listener)
    try:
        yield server
    finally:
        server.stop()


def reply(body: bytes = b"", content_type: str = PDF, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def unmeasured(body: bytes, content_type: str = PDF, *headers: str) -> bytes:
    """An answer that ends with the connection."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirect(to: str, *headers: str, status: str = "302 Found") -> bytes:
    return reply(b"", HTML, f"Location: {to}", *headers, status=status)


def page(*links: str) -> bytes:
    return reply(page_html("Page", links), HTML)


def document(title: str = "document", size: int = 3000) -> bytes:
    """The bytes of a PDF."""
    return b"".join(pdf(size, title))


RANGE = re.compile(r"\r\nRange: bytes=(\d+)-\r\n")
IF_RANGE = re.compile(r"\r\nIf-Range: (.*)\r\n")


@dataclass
class Cutting:
    """Answers with a document whose connection breaks at each of ``cuts``, and goes on where it is asked to.

    ``asked`` are the beginnings and the conditions of the requests, ``sent`` the bytes of the body.
    """

    body: bytes
    cuts: list[int]
    headers: list[str] = field(default_factory=lambda: ['ETag: "1"', "Accept-Ranges: bytes"])
    asked: list[tuple[int, str | None]] = field(default_factory=list)
    sent: int = 0

    def __call__(self, request: Request) -> None:
        start, condition = self.start(request.headers)
        self.asked.append((start, condition))
        end = min([cut for cut in self.cuts if cut > start], default=len(self.body))
        request.send(self.head(start) + self.body[start:end])
        self.sent += end - start
        request.close = end < len(self.body)

    def start(self, headers: str) -> tuple[int, str | None]:
        asked, condition = RANGE.search(headers), IF_RANGE.search(headers)
        return int(asked[1]) if asked else 0, condition[1] if condition else None

    def head(self, start: int) -> bytes:
        status, total = "200 OK", len(self.body)
        lines = [f"Content-Type: {PDF}", f"Content-Length: {total - start}", *self.headers]
        if start:
            status = "206 Partial Content"
            lines.append(f"Content-Range: bytes {start}-{total - 1}/{total}")
        return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()
