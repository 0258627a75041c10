"""What the server answers to which path."""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from bench.content import page_html, pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.site import Site

HTML = "text/html; charset=utf-8"
PDF = "application/pdf"
ODD_PDF_BYTES = 100_000
BODILESS = (204, 304)

Body = list[bytes | memoryview]


class Answer(NamedTuple):
    """``length`` is what Content-Length says; ``delay`` (seconds) passes before the first byte is sent."""

    status: int
    head: bytes
    body: Body
    delay: float = 0
    close: bool = False


def answer(
    status: int, content_type: str, body: Body, headers: str = "", *, length: int | None = None, delay: float = 0
) -> Answer:
    """``length`` is what Content-Length shall say when it is not the length of the body; the connection then closes."""
    body = [] if status in BODILESS else body
    content_length = sum(map(len, body)) if length is None else length
    head = (
        f"HTTP/1.1 {status} {_phrase(status)}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {content_length}\r\n{headers}\r\n"
    )
    return Answer(status, head.encode("latin-1"), body, delay, close=length is not None)


@dataclass(frozen=True)
class Answers:
    """The whole site with its robots.txt and the special paths; ``latency`` is in seconds."""

    site: Site
    latency: float = 0
    crawl_delay: float | None = None
    robots_deny: Sequence[str] = ()

    def to(self, address: str, target: str, _head: str = "") -> Answer:
        reply = self._find(address, target)
        return reply._replace(delay=reply.delay + self.latency)

    def _find(self, address: str, target: str) -> Answer:
        match self.site.find(address, target):
            case "page", page:
                return answer(200, HTML, [self.site.page(page)])
            case "document", document:
                return answer(200, PDF, self.site.document(document))
        if target == "/robots.txt":
            return answer(200, "text/plain", [self._robots])
        try:
            return _special(target)
        except (KeyError, ValueError) as error:
            return _note(400, repr(error))

    @functools.cached_property
    def _robots(self) -> bytes:
        rules = [f"Disallow: {prefix}" for prefix in self.robots_deny] or ["Disallow:"]
        rules += [f"Crawl-delay: {self.crawl_delay:g}"] if self.crawl_delay is not None else []
        return "\n".join(["User-agent: *", *rules, ""]).encode()


def _special(target: str) -> Answer:
    url = urlsplit(target)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    if url.path.startswith("/status/"):
        return _status(int(url.path.removeprefix("/status/")), query)
    if handler := _SPECIAL.get(url.path):
        return handler(query)
    return _note(404, "there is nothing here")


def _status(status: int, query: dict[str, str]) -> Answer:
    headers = f"Retry-After: {query['retry_after']}\r\n" if "retry_after" in query else ""
    return _note(status, f"status {status}", headers)


def _huge(query: dict[str, str]) -> Answer:
    return answer(200, PDF, pdf(int(query["size"]), "huge"))


def _slow(query: dict[str, str]) -> Answer:
    return answer(200, HTML, [page_html("Slow", [])], delay=int(query["ms"]) / 1000)


def _redirect(query: dict[str, str]) -> Answer:
    return _note(int(query.get("code", 302)), "moved", f"Location: {query['to']}\r\n")


def _cut(query: dict[str, str]) -> Answer:
    half = b"".join(pdf(ODD_PDF_BYTES, "cut"))[: ODD_PDF_BYTES // 2]
    return answer(200, PDF, [half], length=ODD_PDF_BYTES)


def _gz(query: dict[str, str]) -> Answer:
    body = gzip.compress(b"".join(pdf(ODD_PDF_BYTES, "gz")), mtime=0)
    return answer(200, PDF, [body], "Content-Encoding: gzip\r\n")


def _list(query: dict[str, str]) -> Answer:
    hrefs = [f"{query['prefix']}{number}" for number in range(int(query["n"]))]
    return answer(200, HTML, [page_html("List", hrefs)])


def _note(status: int, text: str, headers: str = "") -> Answer:
    return answer(status, HTML, [f"<p>{escape(text)}</p>\n".encode()], headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


_SPECIAL: dict[str, Callable[[dict[str, str]], Answer]] = {
    "/huge.pdf": _huge,
    "/slow": _slow,
    "/redirect": _redirect,
    "/cut.pdf": _cut,
    "/gz.pdf": _gz,
    "/list": _list,
}
