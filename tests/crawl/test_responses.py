"""What becomes of what servers answer: one crawl over all of it, then a look at each row."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.processes import free_port, redis_server
from bench.server import serve
from bench.site import Site
from tests.crawl.hostile import HTML, PDF, Hostile, Request, document, hostile, page, redirect, reply, unmeasured
from tests.support import Fleet, gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crawl.hostile import Answer

MIB = 1 << 20
PLAIN = document("plain")


def drip(head: bytes, pause: float) -> Answer:
    def answer(request: Request) -> None:
        request.send(head)
        while not request.stopped.wait(pause):
            request.send(b"x")

    return answer


def drop(request: Request) -> None:
    request.close = True


def closing(data: bytes) -> Answer:
    def answer(request: Request) -> None:
        request.send(data)
        request.close = True

    return answer


def set_cookie_and_return(request: Request) -> None:
    if "Cookie: seen=1" in request.headers:
        request.send(reply(document("cookie")))
    else:
        request.send(redirect("/cookie.pdf", "Set-Cookie: seen=1; Path=/cookie.pdf"))


def cut_chunks(request: Request) -> None:
    body = document("chunks")[:2000]
    request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    request.send(f"{len(body):x}\r\n".encode() + body + b"\r\n")
    request.close = True


BOMB = gzip.compress(b"%PDF-1.4\n" + bytes(64 * MIB))
ANSWERS: dict[str, Answer] = {
    "/plain.pdf": reply(PLAIN),
    "/gzip.pdf": reply(gzip.compress(PLAIN, mtime=0), PDF, "Content-Encoding: gzip"),
    "/raw-deflate.pdf": reply(zlib.compress(PLAIN)[2:-4], PDF, "Content-Encoding: deflate"),
    "/page.html": page(),
    "/is-html.pdf": page("/found-on-is-html"),
    "/found-on-is-html": reply(document("found"), HTML),
    "/no-suffix": reply(document("no suffix"), "application/octet-stream"),
    "/image": reply(b"\x89PNG\r\n\x1a\n" + bytes(5000), "image/png"),
    "/missing.pdf": reply(document("missing"), status="404 Not Found"),
    "/forbidden": reply(b"no", HTML, status="403 Forbidden"),
    "/broken": reply(b"oops", HTML, status="500 Internal Server Error"),
    "/teapot": reply(b"tea", HTML, status="418 I'm a teapot"),
    "/empty": reply(b"", HTML),
    "/no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/nowhere": reply(b"", HTML, status="302 Found"),
    "/not-modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "/to-mail": redirect("mailto:somebody@example.com"),
    "/cut.pdf": closing(reply(document("cut"))[:-1000]),
    "/closed-early.pdf": unmeasured(document("closed")[:2000]),
    "/closed-whole.pdf": unmeasured(document("closed whole")),
    "/cut-chunks.pdf": cut_chunks,
    "/bomb.pdf": reply(BOMB, PDF, "Content-Encoding: gzip"),
    "/bad-gzip.pdf": reply(gzip.compress(PLAIN)[:20] + os.urandom(500), PDF, "Content-Encoding: gzip"),
    "/not-gzip": reply(b"<html>not gzip at all", HTML, "Content-Encoding: gzip"),
    "/cut-gzip.pdf": reply(gzip.compress(PLAIN)[:-300], PDF, "Content-Encoding: gzip"),
    "/unknown-encoding": reply(b"(\xb5/\xfd" + PLAIN, PDF, "Content-Encoding: zstandard"),
    "/silent": lambda request: request.hang(),
    "/silent-body.pdf": drip(reply(PLAIN)[:-1500], 30),
    "/drip.pdf": drip(reply(PLAIN)[:-1500], 0.1),
    "/drip-headers": drip(b"HTTP/1.1 200 OK\r\nX-Drip: ", 0.1),
    "/dropped": drop,
    "/no-http": unmeasured(b"")[9:],
    "/cookie.pdf": set_cookie_and_return,
    "/self": redirect("/self"),
    "/long": redirect("/long/1"),
    **{f"/long/{n}": redirect(f"/long/{n + 1}") for n in range(1, 30)},
    "/moved": redirect("/moved/2", status="301 Moved Permanently"),
    "/moved/2": redirect("/moved/3.pdf", status="307 Temporary Redirect"),
    "/moved/3.pdf": reply(document("moved")),
    "/name-path.pdf": reply(document("n1"), PDF, 'Content-Disposition: attachment; filename="../../etc/passwd.pdf"'),
    "/name-drive.pdf": reply(document("n2"), PDF, r'Content-Disposition: attachment; filename="C:\\tmp\\a b.pdf"'),
    "/name-utf8.pdf": reply(document("n3"), PDF, "Content-Disposition: inline; filename*=UTF-8''%e2%82%ac%20x.pdf"),
}

SAME = ("/plain.pdf", "/gzip.pdf", "/raw-deflate.pdf")
OUTCOMES = {
    "/page.html": "page",
    "/is-html.pdf": "page",
    "/found-on-is-html": "document",
    "/no-suffix": "document",
    "/image": "other",
    "/missing.pdf": "not-found",
    "/forbidden": "forbidden",
    "/broken": "server-error",
    "/teapot": "http-error",
    "/empty": "empty",
    "/no-content": "empty",
    "/nowhere": "http-error",
    "/not-modified": "http-error",
    "/to-mail": "http-error",
    "/cut.pdf": "truncated",
    "/closed-early.pdf": "truncated",
    "/closed-whole.pdf": "document",
    "/cut-chunks.pdf": "truncated",
    "/bomb.pdf": "bad-encoding",
    "/bad-gzip.pdf": "bad-encoding",
    "/not-gzip": "page",
    "/cut-gzip.pdf": "truncated",
    "/unknown-encoding": "bad-encoding",
    "/silent": "timeout",
    "/silent-body.pdf": "timeout",
    "/drip.pdf": "timeout",
    "/drip-headers": "timeout",
    "/dropped": "connection-error",
    "/no-http": "bad-response",
    "/cookie.pdf": "document",
    "/self": "redirect-loop",
    "/long": "redirect-loop",
    "/moved": "document",
    "/name-path.pdf": "document",
    "/name-drive.pdf": "document",
    "/name-utf8.pdf": "document",
}
STRICT = {
    "ROBOTSTXT_OBEY": False,
    "RETRY_TIMES": 0,
    "PDF_IDLE_TIMEOUT": 1,
    "PDF_CONNECT_TIMEOUT": 1,
    "DOWNLOAD_TIMEOUT": 1,
    "CONCURRENT_REQUESTS": 64,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
}


class Crawled:
    """The hostile server, and the fleet that has crawled it."""

    def __init__(self, server: Hostile, fleet: Fleet) -> None:
        self.server, self.fleet = server, fleet
        self.rows = {row["url"]: row for row in fleet.rows()}

    def row(self, path: str) -> dict[str, object]:
        return self.rows[self.server.url(path)]


@pytest.fixture(scope="module")
def crawled() -> Iterator[Crawled]:
    with tempfile.TemporaryDirectory() as directory, redis_server(Path(directory)) as url, hostile(ANSWERS) as server:
        fleet = Fleet(Path(directory), url, settings=STRICT)
        fleet.crawl(*map(server.url, (*SAME, *OUTCOMES)))
        yield Crawled(server, fleet)


@pytest.mark.parametrize("path", OUTCOMES)
def test_every_answer_has_its_class(crawled: Crawled, path: str) -> None:
    row = crawled.row(path)
    assert row["outcome"] == OUTCOMES[path], row["reason"]


def test_rows_store_and_frontier_agree(crawled: Crawled) -> None:
    crawled.fleet.audit()
    assert not [row for row in crawled.rows.values() if row["outcome"] == "internal-error"]


def test_the_same_document_in_other_clothes(crawled: Crawled) -> None:
    rows = [crawled.row(path) for path in SAME]
    assert {(row["sha256"], row["size"]) for row in rows} == {(hashlib.sha256(PLAIN).hexdigest(), len(PLAIN))}
    assert sorted(str(row["outcome"]) for row in rows) == ["document", "duplicate", "duplicate"]


def test_redirects_within_a_host(crawled: Crawled) -> None:
    moved = crawled.row("/moved")
    assert moved["final_url"] == crawled.server.url("/moved/3.pdf")
    assert [part in str(moved["hops"]) for part in ("301", "/moved", "307", "/moved/2")] == [True] * 4
    assert crawled.server.paths().count("/self") == 1
    assert sum(path.startswith("/long") for path in crawled.server.paths()) == 21


def test_names_of_documents_have_no_directories(crawled: Crawled) -> None:
    names = [crawled.row(f"/name-{kind}.pdf")["disposition_name"] for kind in ("path", "drive", "utf8")]
    assert names == ["passwd.pdf", "a b.pdf", "€ x.pdf"]


def test_reasons_are_said(crawled: Crawled) -> None:
    for row in crawled.rows.values():
        if row["outcome"] not in ("document", "duplicate", "page", "other", "empty"):
            assert row["reason"], row


def test_failures_of_the_network(fleet: Fleet) -> None:
    with hostile() as server:
        urls = {
            f"http://127.0.0.1:{free_port()}/": "connection-error",
            "http://nothing.invalid/": "dns-error",
            f"https://127.0.0.1:{server.port}/": "tls-error",
        }
        fleet.crawl(*urls, **STRICT)
    rows = fleet.rows()
    assert {row["url"]: row["outcome"] for row in rows} == urls
    assert all(row["reason"] and row["status"] is None for row in rows)
    fleet.audit()


def test_redirects_across_hosts(fleet: Fleet) -> None:
    answers: dict[str, Answer] = {}
    with hostile(answers) as server:
        answers |= {
            "/": page("/out"),
            "/out": redirect(server.url("/in", host=2), status="301 Moved Permanently"),
            "/in": redirect("/final"),
            "/final": reply(document("final")),
            "/ping": redirect(server.url("/pong", host=2)),
            "/pong": redirect(server.url("/ping")),
        }
        fleet.crawl(server.url(), server.url("/ping"), arguments={"scope": "any"})
        rows = {(row["url"], row["outcome"]): row for row in fleet.rows()}
        source, target = rows[server.url("/out"), "redirect"], rows[server.url("/in", host=2), "document"]
        assert (source["depth"], source["technique"]) == (target["depth"], target["technique"]) == (1, "a")
        assert target["final_url"] == server.url("/final", host=2)
        assert server.url("/out") in target["hops"]
        assert (server.url("/ping"), "redirect") in rows
        assert (server.url("/pong", host=2), "redirect-loop") in rows
        assert "/robots.txt" in [seen.path for seen in server.seen if seen.address == "127.0.0.2"]
    fleet.audit()


def test_a_host_that_asks_to_be_left_alone_is(fleet: Fleet) -> None:
    """One says it in seconds, the other as a date."""

    def throttle(request: Request) -> None:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))
        wait = "2" if request.address == "127.0.0.1" else date
        request.send(reply(b"", HTML, f"Retry-After: {wait}", status="429 Too Many Requests"))

    with hostile({"/": page("/busy", "/other"), "/busy": throttle, "/other": page()}) as server:
        fleet.crawl(server.url(), server.url(host=2), RETRY_TIMES=1, CONCURRENT_REQUESTS_PER_DOMAIN=1)
        for host in (1, 2):
            mine = [seen for seen in server.seen if seen.address == f"127.0.0.{host}"]
            first, _ = [seen.at for seen in mine if seen.path == "/busy"]
            assert min(seen.at for seen in mine if seen.at > first) - first >= 1.95
            assert fleet.row(server.url("/busy", host))["outcome"] == "throttled"
            assert fleet.row(server.url("/other", host))["outcome"] == "page"


def test_a_failure_that_passes_is_tried_again(fleet: Fleet) -> None:
    tries = []

    def recover(request: Request) -> None:
        tries.append(request.path)
        status = "200 OK" if len(tries) > 2 else "500 Internal Server Error"
        request.send(reply(document("recovered"), status=status))

    with hostile({"/": recover}) as server:
        fleet.crawl(server.url(), RETRY_TIMES=2)
        row = fleet.row(server.url())
        assert (row["outcome"], row["attempt"], len(tries)) == ("document", 3, 3)
    fleet.audit()


def test_a_kept_connection_that_has_gone_is_no_failure(fleet: Fleet) -> None:
    """And the request that is sent again waits for its turn."""
    dropped = []

    def drop_once(request: Request) -> None:
        if not dropped:
            dropped.append(request.path)
            request.close = True
        else:
            request.send(page())

    with hostile({"/": page("/second"), "/second": drop_once}) as server:
        fleet.crawl(server.url(), DOWNLOAD_DELAY=0.3, CONCURRENT_REQUESTS_PER_DOMAIN=1)
        assert fleet.row(server.url("/second"))["outcome"] == "page"
        times = [seen.at for seen in server.seen]
        assert min(gaps(times)) >= 0.25


def test_a_large_document_is_not_held_in_memory(fleet: Fleet) -> None:
    with serve(Site(hosts=1, pages=1, documents=0)) as server:
        url = f"{server.url}huge.pdf?size={64 * MIB}"
        worker = fleet.start(url)
        assert worker.watch_memory() < 150 * MIB
        assert worker.wait() == 0
        assert fleet.row(url)["size"] == 64 * MIB
    fleet.audit()
