"""What is fetched as browsers fetch it: redirects to other hosts, sessions, ends that are said in unusual ways."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.processes import redis_server
from tests.crawl.hostile import HTML, PDF, Cutting, Request, document, hostile, page, redirect, reply
from tests.crawl.test_responses import STRICT, Crawled
from tests.support import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crawl.hostile import Answer

NEEDS = ("/session.pdf", "/refused.pdf", "/only-from-here.pdf")
OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
BODY = document("fetched")


def silent(data: bytes) -> Answer:
    """Say this, and then nothing."""

    def answer(request: Request) -> None:
        request.send(data)
        request.hang()

    return answer


def to_other_host(path: str) -> Answer:
    def answer(request: Request) -> None:
        request.send(redirect(f"http://127.0.0.2:{request.connection.getsockname()[1]}{path}"))

    return answer


def late(request: Request) -> None:
    """Take longer for the first byte than may pass between two others."""
    request.stopped.wait(1.2)
    request.send(reply(document("late")))


class Stalling(Cutting):
    """Falls silent where the other one breaks the connection."""

    def __call__(self, request: Request) -> None:
        super().__call__(request)
        if request.close:
            request.hang()


def only_with(header: str, name: str, otherwise: bytes) -> Answer:
    return lambda request: request.send(reply(document(name)) if header in request.headers else otherwise)


STALLING = Stalling(document("stalling", 30_000), [10_000])
LOST = document("lost")
TRAILER = document("trailer").rpartition(b"startxref")[0]
SCRIPT = b"function write(out) { out('%PDF-1.3'); " + b"/* */" * 300 + b"out('startxref'); out(9); out('%%EOF') }"
ANSWERS: dict[str, Answer] = {
    "/": reply(
        b"".join(b"<a href='%s'>x</a>" % path.encode() for path in (*NEEDS, "/get", "/partners")),
        HTML,
        "Set-Cookie: sid=7; Path=/; HttpOnly",
    ),
    "/session.pdf": only_with("Cookie: sid=7", "session", redirect("/")),
    "/refused.pdf": only_with("Cookie: sid=7", "refused", reply(b"no", HTML, status="403 Forbidden")),
    "/only-from-here.pdf": only_with(
        "Referer: http://127.0.0.1", "referer", reply(b"no", HTML, status="404 Not Found")
    ),
    "/get": to_other_host("/hop"),
    "/hop": redirect("/blob"),
    "/blob": reply(document("blob"), "application/octet-stream"),
    "/partners": to_other_host("/home"),
    "/home": page("/never.pdf", "/never"),
    "/never.pdf": reply(document("never")),
    "/never": page(),
    "/late.pdf": late,
    "/stalling.pdf": STALLING,
    "/left-open.pdf": silent(OPEN + b"\r\n" + document("left open")),
    "/left-open": silent(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><a href='/behind-left-open'>x</a></html>\n"
    ),
    "/behind-left-open": page(),
    "/too-long.pdf": silent(OPEN + b"Content-Length: 99999\r\n\r\n" + document("too long")),
    "/too-long-zipped.pdf": silent(
        OPEN + b"Content-Encoding: gzip\r\nContent-Length: 99999\r\n\r\n" + gzip.compress(document("zipped"))
    ),
    "/cut.pdf": silent(OPEN + b"Content-Length: 99999\r\n\r\n" + LOST[:-300]),
    "/chosen-for-you": redirect("/chosen-too.pdf", status="300 Multiple Choices"),
    "/chosen-too.pdf": reply(document("chosen too")),
    "/choices": reply(b"<a href='/chosen.pdf'>x</a>", HTML, status="300 Multiple Choices"),
    "/chosen.pdf": reply(document("chosen")),
    "/refresh": reply(b"", HTML, "Refresh: 0; url=/refreshed"),
    "/refreshed": reply(document("refreshed")),
    "/trailer.pdf": reply(TRAILER),
    "/half.pdf": reply(document("half", 9000)[:5000]),
    "/script": reply(SCRIPT, "text/javascript"),
    "/warned.pdf": reply(b"Warning: 1\n" + BODY, "text/plain"),
}
OUTCOMES = {
    "/": "page",
    **dict.fromkeys(NEEDS, "document"),
    "/get": "redirect",
    "/partners": "redirect",
    "/late.pdf": "document",
    "/stalling.pdf": "document",
    "/left-open.pdf": "document",
    "/left-open": "page",
    "/behind-left-open": "page",
    "/too-long.pdf": "document",
    "/too-long-zipped.pdf": "document",
    "/cut.pdf": "timeout",
    "/choices": "page",
    "/chosen-for-you": "document",
    "/chosen.pdf": "document",
    "/refresh": "empty",
    "/refreshed": "document",
    "/trailer.pdf": "document",
    "/half.pdf": "truncated",
    "/script": "other",
    "/warned.pdf": "document",
}
FOUND = (*NEEDS, "/get", "/partners", "/behind-left-open", "/chosen.pdf", "/refreshed")


@pytest.fixture(scope="module")
def crawled() -> Iterator[Crawled]:
    with tempfile.TemporaryDirectory() as directory, redis_server(Path(directory)) as url, hostile(ANSWERS) as server:
        settings = {**STRICT, "DOWNLOAD_TIMEOUT": 60, "CONCURRENT_REQUESTS_PER_DOMAIN": 64}
        fleet = Fleet(Path(directory), url, settings=settings)
        seeds = [path for path in OUTCOMES if path not in FOUND]
        fleet.crawl(*map(server.url, seeds))
        yield Crawled(server, fleet)


@pytest.mark.parametrize("path", OUTCOMES)
def test_every_answer_has_its_class(crawled: Crawled, path: str) -> None:
    row = crawled.row(path)
    assert row["outcome"] == OUTCOMES[path], row["reason"]


def test_what_is_stored_is_what_came(crawled: Crawled) -> None:
    crawled.fleet.audit()
    names = (
        "session",
        "refused",
        "referer",
        "blob",
        "late",
        "left open",
        "too long",
        "zipped",
        "chosen",
        "chosen too",
        "refreshed",
    )
    bodies = [*map(document, names), STALLING.body, TRAILER, b"Warning: 1\n" + BODY]
    assert crawled.fleet.files() == {hashlib.sha256(body).hexdigest() for body in bodies}


def test_a_page_behind_a_redirect_out_of_the_scope_leads_nowhere(crawled: Crawled) -> None:
    assert crawled.rows[crawled.server.url("/home", host=2)]["outcome"] == "page"
    assert not {"/never", "/never.pdf"} & set(crawled.server.paths())


def test_silence_is_gone_on_from_where_it_began(crawled: Crawled) -> None:
    assert [start for start, _ in STALLING.asked] == [0, 10_000]


def test_redirects_out_of_the_scope_are_bounded(fleet: Fleet) -> None:
    with hostile() as server:
        server.answers["/"] = page(*(f"/out/{number}" for number in range(9)))
        server.answers |= {f"/out/{number}": to_other_host(f"/{number}") for number in range(9)}
        server.answers |= {f"/{number}": page() for number in range(9)}
        fleet.crawl(server.url(), **STRICT, PDF_REDIRECTS_OUT=4)
        assert sum(seen.address == "127.0.0.2" for seen in server.seen) == 4
    assert list(fleet.outcomes().values()).count("out-of-scope") == 5
    fleet.audit()


def test_who_lacks_a_session_goes_back_for_it(fleet: Fleet) -> None:
    """As a worker does that has not visited the page itself: here its cookie is of no use the first time."""
    sessions: list[str] = []

    def begin(request: Request) -> None:
        sessions.append(str(len(sessions)))
        request.send(reply(b"<a href='/a.pdf'>x</a>", HTML, f"Set-Cookie: sid={sessions[-1]}; Path=/"))

    def serve(request: Request) -> None:
        expired = "sid=0" in request.headers
        request.send(reply(b"no", HTML, status="403 Forbidden") if expired else reply(BODY, PDF))

    with hostile({"/": begin, "/a.pdf": serve}) as server:
        fleet.crawl(server.url(), **STRICT)
        assert server.paths() == ["/", "/a.pdf", "/", "/a.pdf"]
        assert fleet.row(server.url("/a.pdf"))["outcome"] == "document"
        assert fleet.row(server.url("/"))["outcome"] == "page"
    fleet.audit()
