"""Answers of hosts that are made to hurt a crawler, by path."""

from __future__ import annotations

import gzip
import time
from typing import TYPE_CHECKING, Any

from tests.crawl.hostile import HTML, Request, document, page, redirect, reply
from tests.hostile.pages import PAGES, filled, numbered

if TYPE_CHECKING:
    from tests.crawl.hostile import Answer

MIB = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
INNOCENT = 500


def endless(begin: bytes, more: bytes) -> Answer:
    """Sends the same again and again until the other side hangs up."""

    def answer(request: Request) -> None:
        request.send(begin)
        while not request.stopped.is_set():
            request.send(more)

    return answer


def dripping(request: Request) -> None:
    """A byte a second."""
    request.send(HEAD + b"\r\n")
    while not request.stopped.is_set():
        request.send(b"<")
        time.sleep(1)


def maze(request: Request) -> None:
    """Each URL redirects to another one, without end."""
    request.send(redirect(f"{request.path}x"))


def bomb(layers: int) -> Answer:
    body = b"<html>" + bytes(64 * MIB)
    for _ in range(layers):
        body = gzip.compress(body)
    return reply(body, HTML, f"Content-Encoding: {', '.join(['gzip'] * layers)}")


def members(request: Request) -> None:
    request.send(reply(gzip.compress(b"<html>") + gzip.compress(b"") * 400_000, HTML, "Content-Encoding: gzip"))


def large_page(name: str) -> Answer:
    def answer(request: Request) -> None:
        hostile = PAGES[name]
        request.send(reply(hostile.body(), hostile.content_type))

    return answer


ANSWERS: dict[str, Answer] = {
    "/endless-page": endless(HEAD + b"\r\n<html>", b"<p>more" * 9_000),
    "/endless-headers": endless(HEAD, b"X-More: " + b"x" * 8_000 + b"\r\n"),
    "/endless-header": endless(HEAD + b"X-More: ", b"x" * 65_536),
    "/endless.pdf": endless(HEAD.replace(b"text/html", b"application/pdf") + b"\r\n%PDF-1.4\n", bytes(65_536)),
    "/dripping": dripping,
    "/silent": Request.hang,
    "/maze": maze,
    "/members": members,
    **{f"/bomb-{layers}": bomb(layers) for layers in (1, 2, 3)},
    **{f"/{name}": large_page(name) for name in PAGES},
}


class Answers(dict[str, "Answer"]):
    """Knows every place in the maze."""

    def get(self, path: str, default: Any = None) -> Any:
        return maze if path.startswith("/maze") else super().get(path, default)


ROBOTS = reply(filled(numbered("Disallow: /private*a*@\n"), "User-agent: *\n", 512 * 1024), "text/plain")
NEIGHBOUR: dict[str, Answer] = {
    "/": page(*(f"/part/{part}" for part in range(10))),
    **{f"/part/{part}": page(*(f"/{n}.pdf" for n in range(part, INNOCENT, 10))) for part in range(10)},
    **{f"/{n}.pdf": reply(document(f"innocent {n}")) for n in range(INNOCENT)},
}
