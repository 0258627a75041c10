"""Documents whose connection breaks: what is gone on with, what begins anew, and what is never kept."""

from __future__ import annotations

import hashlib
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.processes import redis_server
from tests.crawl.hostile import HTML, PDF, Cutting, Request, document, hostile, reply, unmeasured
from tests.crawl.test_responses import STRICT, Crawled
from tests.support import Fleet, leftovers, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crawl.hostile import Answer

MIB = 1 << 20
DATE = "Date: Sun, 22 Nov 2026 12:00:00 GMT"
OLD = "Last-Modified: Sun, 22 Nov 2026 11:00:00 GMT"
NOW = "Last-Modified: Sun, 22 Nov 2026 12:00:00 GMT"
RANGES = "Accept-Ranges: bytes"


def of(name: str, size: int = 30_000) -> bytes:
    return document(name, size)


def cut(name: str, *cuts: int, size: int = 30_000, headers: list[str] | None = None) -> Cutting:
    return Cutting(of(name, size), list(cuts), headers or ['ETag: "1"', RANGES])


class Changed(Cutting):
    """Is another document from the second request on, and so does not go on."""

    def start(self, headers: str) -> tuple[int, str | None]:
        begun, condition = super().start(headers)
        if self.asked:
            self.body, self.headers, self.cuts = of("changed later"), ['ETag: "2"', RANGES], []
        return (0 if condition else begun), condition


class Heedless(Cutting):
    """Goes on with another document, as if If-Range had not been said."""

    def start(self, headers: str) -> tuple[int, str | None]:
        if self.asked:
            self.body, self.headers, self.cuts = of("heedless later"), ['ETag: "2"', RANGES], []
        return super().start(headers)


class Shifted(Cutting):
    """Sends other bytes than those that were asked for."""

    def head(self, start: int) -> bytes:
        return super().head(start).replace(b"bytes %d-" % start, b"bytes %d-" % (start - 1))


class Unchunked(Cutting):
    """Sends everything in chunks, without the last one, and then says that there is no more."""

    def __call__(self, request: Request) -> None:
        self.asked.append(self.start(request.headers))
        if len(self.asked) > 1:
            request.send(
                f"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{len(self.body)}\r\n"
                "Content-Length: 0\r\n\r\n".encode()
            )
            return
        head = f'HTTP/1.1 200 OK\r\nETag: "1"\r\nTransfer-Encoding: chunked\r\n\r\n{len(self.body):x}\r\n'
        request.send(head.encode() + self.body + b"\r\n")
        request.close = True


class Unmeasured(Cutting):
    """Says no length: only the end of the document tells that it was cut."""

    def head(self, start: int) -> bytes:
        return super().head(start) if start else unmeasured(b"", PDF, *self.headers)


class Deaf(Cutting):
    """Sends everything from the beginning, whatever it is asked for."""

    def start(self, headers: str) -> tuple[int, str | None]:
        return 0, super().start(headers)[1]


class Failing(Cutting):
    """Answers the second request with an error."""

    def __call__(self, request: Request) -> None:
        if self.asked:
            self.asked.append(self.start(request.headers))
            request.send(reply(b"gone", HTML, status="410 Gone"))
        else:
            super().__call__(request)


def part(body: bytes, first: int, last: int, total: int | str) -> bytes:
    content_range = f"Content-Range: bytes {first}-{last}/{total}"
    return reply(body[first : last + 1], PDF, content_range, status="206 Partial Content")


ODD = of("parts")
CUTS: dict[str, Cutting] = {
    "/once.pdf": cut("once", 9_000),
    "/thrice.pdf": cut("thrice", 2_000, 9_000, 20_000),
    "/too-often.pdf": cut("too often", 2_000, 3_000, 4_000, 5_000, 6_000),
    "/dated.pdf": cut("dated", 9_000, headers=[DATE, OLD]),
    "/just-made.pdf": cut("just made", 9_000, headers=[DATE, NOW, RANGES]),
    "/weak.pdf": cut("weak", 9_000, headers=['ETag: W/"1"', RANGES]),
    "/bare.pdf": cut("bare", 9_000, headers=[RANGES]),
    "/no-ranges.pdf": cut("no ranges", 9_000, headers=['ETag: "1"', "Accept-Ranges: none"]),
    "/changed.pdf": Changed(of("changed first"), [9_000]),
    "/heedless.pdf": Heedless(of("heedless first"), [9_000]),
    "/shifted.pdf": Shifted(of("shifted"), [9_000]),
    "/unchunked.pdf": Unchunked(of("unchunked"), []),
    "/unmeasured.pdf": Unmeasured(of("unmeasured"), [9_000]),
    "/deaf.pdf": Deaf(of("deaf"), [9_000]),
    "/failing.pdf": Failing(of("failing"), [9_000]),
    "/large.pdf": cut("large", 800_000, 1_700_000, size=2_000_000),
}
ANSWERS: dict[str, Answer] = {
    **CUTS,
    "/part.pdf": part(ODD, 0, 9_999, len(ODD)),
    "/whole-part.pdf": part(ODD, 0, len(ODD) - 1, len(ODD)),
    "/end.pdf": part(ODD, 10_000, len(ODD) - 1, len(ODD)),
    "/parts.pdf": reply(
        b"\r\n--x\r\nContent-Type: application/pdf\r\nContent-Range: bytes 0-99/100\r\n\r\n" + ODD,
        "multipart/byteranges; boundary=x",
        status="206 Partial Content",
    ),
    "/unsaid-part.pdf": reply(of("unsaid"), status="206 Partial Content"),
    "/used.pdf": reply(of("used"), status="226 IM Used"),
}

OUTCOMES = {
    "/once.pdf": "document",
    "/thrice.pdf": "document",
    "/too-often.pdf": "truncated",
    "/dated.pdf": "document",
    "/just-made.pdf": "truncated",
    "/weak.pdf": "truncated",
    "/bare.pdf": "truncated",
    "/no-ranges.pdf": "truncated",
    "/changed.pdf": "document",
    "/heedless.pdf": "document",
    "/shifted.pdf": "truncated",
    "/unchunked.pdf": "document",
    "/unmeasured.pdf": "document",
    "/deaf.pdf": "truncated",
    "/failing.pdf": "not-found",
    "/large.pdf": "document",
    "/part.pdf": "truncated",
    "/whole-part.pdf": "document",
    "/end.pdf": "truncated",
    "/parts.pdf": "truncated",
    "/unsaid-part.pdf": "document",
    "/used.pdf": "document",
}


@pytest.fixture(scope="module")
def crawled() -> Iterator[Crawled]:
    with tempfile.TemporaryDirectory() as directory, redis_server(Path(directory)) as url, hostile(ANSWERS) as server:
        fleet = Fleet(Path(directory), url, settings={**STRICT, "FRONTIER_RETRY_DELAY": 0.05})
        fleet.crawl(*map(server.url, OUTCOMES))
        yield Crawled(server, fleet)


@pytest.mark.parametrize("path", OUTCOMES)
def test_every_answer_has_its_class(crawled: Crawled, path: str) -> None:
    row = crawled.row(path)
    assert row["outcome"] == OUTCOMES[path], row["reason"]


@pytest.mark.parametrize("path", [path for path in CUTS if OUTCOMES[path] == "document"])
def test_documents_have_the_bytes_of_one_answer(crawled: Crawled, path: str) -> None:
    row, body = crawled.row(path), CUTS[path].body
    assert (row["sha256"], row["size"]) == (hashlib.sha256(body).hexdigest(), len(body))
    assert row["status"] == 200


def test_nothing_else_was_kept(crawled: Crawled) -> None:
    crawled.fleet.audit()


def asked(path: str) -> list[tuple[int, str | None]]:
    return CUTS[path].asked


@pytest.mark.usefixtures("crawled")
def test_what_was_asked_for() -> None:
    assert asked("/once.pdf") == [(0, None), (9_000, '"1"')]
    assert asked("/dated.pdf") == [(0, None), (9_000, OLD.partition(": ")[2])]
    assert asked("/thrice.pdf") == [(0, None), *((cut, '"1"') for cut in (2_000, 9_000, 20_000))]
    assert asked("/too-often.pdf") == [(0, None), *((cut, '"1"') for cut in (2_000, 3_000, 4_000))]
    assert asked("/deaf.pdf") == [(0, None), (0, '"1"')]
    assert asked("/heedless.pdf") == [(0, None), (9_000, '"1"'), (0, None)]
    for path in ("/just-made.pdf", "/weak.pdf", "/bare.pdf", "/no-ranges.pdf"):
        assert asked(path) == [(0, None)]


@pytest.mark.usefixtures("crawled")
@pytest.mark.parametrize("path", ["/once.pdf", "/thrice.pdf", "/dated.pdf", "/unmeasured.pdf", "/large.pdf"])
def test_no_byte_is_sent_twice(path: str) -> None:
    assert CUTS[path].sent == len(CUTS[path].body)


def test_a_worker_that_is_stopped_meanwhile_leaves_nothing(fleet: Fleet) -> None:
    answer = cut("stopped", 900_000, 1_000_000, size=2_000_000)
    with hostile({"/stopped.pdf": answer}, hosts=1) as server:
        worker = fleet.start(
            server.url("/stopped.pdf"), FRONTIER_RETRY_DELAY=60, FRONTIER_GRACE=0.1, ROBOTSTXT_OBEY=False
        )
        until(lambda: len(answer.asked) == 2)
        worker.dismiss()
        job = fleet.job()
        assert (job["queued"] + job["delayed"], job["leased"]) == (1, 0)
        assert not leftovers(fleet.data / "files")
        answer.cuts = []
        fleet.crawl(server.url("/stopped.pdf"))
    assert list(fleet.outcomes().values()) == ["document"]
    fleet.audit()


@pytest.mark.slow
def test_a_huge_document_that_is_cut_ten_times(fleet: Fleet) -> None:
    body, chance = of("huge", 300 * MIB), random.Random(1)
    answer = Cutting(body, sorted(chance.sample(range(len(body)), 10)))
    with hostile({"/huge.pdf": answer}, hosts=1) as server:
        worker = fleet.start(server.url("/huge.pdf"))
        peak = worker.watch_memory()
        row = fleet.row(server.url("/huge.pdf"))
    assert (row["outcome"], row["sha256"]) == ("document", hashlib.sha256(body).hexdigest())
    assert len(answer.asked) == 11
    print(f"peak {peak / MIB:.0f} MiB, {answer.sent - len(body)} bytes sent twice")
    assert peak < 150 * MIB
    assert answer.sent - len(body) < 10 * MIB
    fleet.audit()
