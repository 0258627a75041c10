"""Answers of odd servers: lengths, chunks, encodings, versions, heads and ends, combined; and a server that gives them.

Each is written to a socket byte for byte as it stands here.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

BODY = b"<html><body>" + b"an answer of an odd server\r\n" * 20 + b"</body></html>"
SIZE = len(BODY)
CHUNKS = b"%x\r\n%s\r\n" % (100, BODY[:100]) + b"%X\r\n%s\r\n" % (SIZE - 100, BODY[100:])
LAST = b"0\r\n\r\n"
CHUNKED = ("Transfer-Encoding: chunked", CHUNKS + LAST)
MEASURED = (f"Content-Length: {SIZE}", BODY)
OPEN = ("", BODY)
FRAMINGS = {"chunked": CHUNKED, "measured": MEASURED, "open": OPEN}
ENDS = ("close", "reset", "silence", "keep")


@dataclass(frozen=True)
class Odd:
    """What is sent for a request, and how it ends: by the connection's end, a reset, silence, or the next request."""

    data: bytes
    end: str = "close"
    pieces: int = 0
    """The bytes of one packet; 0: all that there is."""


def head(*lines: str, status: str = "HTTP/1.1 200 OK", line_end: str = "\r\n") -> bytes:
    return line_end.join([status, *filter(None, lines), "", ""]).encode("latin-1")


LENGTHS = {
    "right": f"Content-Length: {SIZE}",
    "short": f"Content-Length: {SIZE - 100}",
    "long": f"Content-Length: {SIZE + 100}",
    "zero": "Content-Length: 0",
    "twice": f"Content-Length: {SIZE}\r\nContent-Length: {SIZE}",
    "two": f"Content-Length: {SIZE - 50}\r\nContent-Length: {SIZE}",
    "list": f"Content-Length: {SIZE}, {SIZE}",
    "two in a list": f"Content-Length: {SIZE}, {SIZE - 50}",
    "negative": "Content-Length: -1",
    "no number": "Content-Length: many",
    "signed": f"Content-Length: +{SIZE}",
    "empty": "Content-Length:",
    "blanks": f"Content-Length:  \t {SIZE}  ",
    "unit": f"Content-Length: {SIZE} bytes",
    "enormous": f"Content-Length: {'9' * 40}",
    "lower case": f"content-length:{SIZE}",
}
BODIES = {
    "chunked": CHUNKED,
    "capitals": ("TRANSFER-ENCODING: Chunked", CHUNKS + LAST),
    "extended": (CHUNKED[0], CHUNKS.replace(b"64\r\n", b"64;name=value\r\n") + LAST),
    "zeros": (CHUNKED[0], CHUNKS.replace(b"64\r\n", b"00000064\r\n") + b"000\r\n\r\n"),
    "trailers": (CHUNKED[0], CHUNKS + b"0\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\n"),
    "no last chunk": (CHUNKED[0], CHUNKS),
    "cut chunk": (CHUNKED[0], CHUNKS[:300]),
    "no end of a chunk": (CHUNKED[0], CHUNKS.replace(b"\r\n64\r\n", b"64\r\n") + LAST),
    "no size": (CHUNKED[0], b"64\r\n" + BODY[:100] + b"\r\nnothing\r\n" + BODY),
    "large size": (CHUNKED[0], b"fffffffffffffffffff\r\n" + BODY),
    "plain": (CHUNKED[0], BODY),
    "line feeds": (CHUNKED[0], b"64\n" + BODY[:100] + b"\n0\n\n"),
    "with length": (f"{CHUNKED[0]}\r\nContent-Length: 100", CHUNKED[1]),
    "after length": (f"Content-Length: 100\r\n{CHUNKED[0]}", CHUNKED[1]),
    "identity": ("Transfer-Encoding: identity", BODY),
    "unknown": ("Transfer-Encoding: unheard-of", BODY),
    "twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CHUNKED[1]),
    "gzip": ("Transfer-Encoding: gzip, chunked", CHUNKED[1]),
}
VERSIONS = ("HTTP/1.0 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.2 200 OK", "HTTP/2 200 OK", "http/1.1 200 OK")
HEADS = {
    "nothing": b"",
    "blank": b"\r\n",
    "no http": BODY,
    "half a status": b"HTTP/1.1 2",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no number": head(*MEASURED[:1], status="HTTP/1.1 abc OK") + BODY,
    "number too short": head(*MEASURED[:1], status="HTTP/1.1 20 OK") + BODY,
    "number too large": head(*MEASURED[:1], status="HTTP/1.1 2000 OK") + BODY,
    "status 099": head(*MEASURED[:1], status="HTTP/1.1 099 Low") + BODY,
    "status 999": head(*MEASURED[:1], status="HTTP/1.1 999 High") + BODY,
    "no blank": head(*MEASURED[:1], status="HTTP/1.1200 OK") + BODY,
    "two blanks": head(*MEASURED[:1], status="HTTP/1.1  200 OK") + BODY,
    "icy": head(*MEASURED[:1], status="ICY 200 OK") + BODY,
    "line feeds": head(*MEASURED[:1], "X-A: b", line_end="\n") + BODY,
    "mixed": head(*MEASURED[:1]).replace(b"OK\r\n", b"OK\n") + BODY,
    "carriage returns": head(*MEASURED[:1], line_end="\r") + BODY,
    "blank before the colon": head(f"Content-Length : {SIZE}") + BODY,
    "blank before the name": head(f" Content-Length: {SIZE}") + BODY,
    "folded": head("X-Folded: one\r\n two\r\n\tthree", *MEASURED[:1]) + BODY,
    "folded length": head(f"Content-Length:\r\n {SIZE}") + BODY,
    "no colon": head("an odd line", *MEASURED[:1]) + BODY,
    "no name": head(": value", *MEASURED[:1]) + BODY,
    "nul": head("X-A: a\0b", *MEASURED[:1]) + BODY,
    "control characters": head("X-A: a\x01\x7f\x1bb", "X\x02B: c", *MEASURED[:1]) + BODY,
    "latin-1": head("X-\xe9: \xe9t\xe9", *MEASURED[:1]) + BODY,
    "long": head(f"X-A: {'x' * 60_000}", *MEASURED[:1]) + BODY,
    "too long": head(f"X-A: {'x' * 400_000}", *MEASURED[:1]) + BODY,
    "many": head(*(f"X-{number}: y" for number in range(2_000)), *MEASURED[:1]) + BODY,
    "early hints": head("Link: </x>", status="HTTP/1.1 103 Early Hints") + head(*MEASURED[:1]) + BODY,
    "continue twice": head(status="HTTP/1.1 100 Continue") * 2 + head(*MEASURED[:1]) + BODY,
    "no content": head(status="HTTP/1.1 204 No Content") + BODY,
    "not modified": head(*MEASURED[:1], status="HTTP/1.1 304 Not Modified") + BODY,
    "not found": head(*MEASURED[:1], status="HTTP/1.1 404 Not Found") + BODY,
    "redirect": head("Location: /", *MEASURED[:1], status="HTTP/1.1 302 Found") + BODY,
    "closing": head("Connection: close", *MEASURED[:1]) + BODY,
    "upgrade": head("Upgrade: h2c", "Connection: Upgrade", *MEASURED[:1]) + BODY,
}
ENCODINGS = {"gzip": gzip.compress(BODY, mtime=0), "br": BODY, "UTF-8": BODY, "gzip, gzip": BODY}


def answers() -> Iterator[tuple[str, Odd]]:
    """Name and answer of all combinations."""
    for (name, length), end in product(LENGTHS.items(), ENDS):
        yield f"length {name}, {end}", Odd(head(length) + BODY, end)
    for (name, (line, body)), end in product(BODIES.items(), ENDS):
        yield f"chunks {name}, {end}", Odd(head(line) + body, end)
    for version, (name, (line, body)), end in product(VERSIONS, FRAMINGS.items(), ("close", "silence")):
        yield f"{version!r} {name}, {end}", Odd(head(line, status=version) + body, end)
    for (encoding, body), (name, (line, _)) in product(ENCODINGS.items(), FRAMINGS.items()):
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if name == "chunked" else body
        length = f"Content-Length: {len(body)}" if name == "measured" else line
        yield f"{encoding} {name}", Odd(head(f"Content-Encoding: {encoding}", length) + sent)
    for (name, data), end in product(HEADS.items(), ("close", "silence")):
        yield f"head {name}, {end}", Odd(data, end)
    for name, (line, body) in FRAMINGS.items():
        yield f"pieces {name}", Odd(head(line) + body, pieces=7)


class OddServer:
    """Answers ``/N`` with the N-th answer, and keeps the connection until ``hang_up`` where there is silence."""

    def __init__(self, odd: list[Odd]) -> None:
        self.odd, self.port = odd, 0
        self._open: set[asyncio.StreamWriter] = set()
        self._has_hung_up = asyncio.Event()

    def url(self, number: int) -> str:
        return f"http://127.0.0.1:{self.port}/{number}"

    def hang_up(self) -> None:
        """Close all connections, and from now on each one that falls silent."""
        self._has_hung_up.set()
        for writer in self._open:
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                odd = self.odd[int(request.split()[1][1:])]
                await self._send(writer, odd)
                if odd.end == "silence":
                    await self._has_hung_up.wait()
                if odd.end != "keep" or self._has_hung_up.is_set():
                    break
        self._open.discard(writer)
        writer.close()

    async def _send(self, writer: asyncio.StreamWriter, odd: Odd) -> None:
        step = odd.pieces or len(odd.data) or 1
        for start in range(0, len(odd.data), step):
            writer.write(odd.data[start : start + step])
            await writer.drain()
        if odd.end == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@asynccontextmanager
async def odd_server(odd: list[Odd]) -> AsyncIterator[OddServer]:
    serving = OddServer(odd)
    server = await asyncio.start_server(serving.answer, "127.0.0.1", 0)
    serving.port = server.sockets[0].getsockname()[1]
    try:
        yield serving
    finally:
        serving.hang_up()
        server.close()
