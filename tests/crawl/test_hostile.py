"""Servers that lie, stall, loop and pretend: one crawl over all of it, each answer with its class and its bytes."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from bench.content import page_html
from bench.processes import redis_server
from tests import fork_server
from tests.crawl.hostile import HTML, PDF, Request, document, hostile, page, redirect, reply, unmeasured
from tests.crawl.test_responses import STRICT, Crawled
from tests.support import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crawl.hostile import Answer

MIB = 1 << 20
LOGIN = b"<html><head><title>Sign in</title></head><body><form><input type='password' name='p'></form></body></html>"
MOMENT = (
    b"<!DOCTYPE html><html lang='en-US'><head><title>Just a moment...</title></head><body>"
    b"<script>(function(){window._cf_chl_opt={cvId:'3'}})()</script></body></html>"
)
INCAPSULA = (
    b"<html><body><iframe src='/_Incapsula_Resource?x'>Request unsuccessful. Incapsula incident ID: 1-2</iframe></body>"
)
CAPTCHA = b"<html><body><form><div class='g-recaptcha' data-sitekey='x'></div></form></body></html>"
GUARDED = page_html("A page", ["/plain.pdf"]).replace(
    b"</head>", b"<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script></head>"
)
PLAIN = document("hostile")
ZIPPED = gzip.compress(PLAIN, mtime=0)
BOMB = gzip.compress(gzip.compress(b"%PDF-1.4\n" + bytes(64 * MIB)))


def closing(data: bytes) -> Answer:
    def answer(request: Request) -> None:
        request.send(data)
        request.close = True

    return answer


def slowly(request: Request) -> None:
    """Alive all the time, and longer under way than two of the intervals in which the rate is looked at."""
    body = document("slow", 30_000)
    request.send(reply(body)[: -len(body)])
    for start in range(0, len(body), 500):
        request.send(body[start : start + 500])
        time.sleep(0.05)


class Preparing:
    """202 a number of times, then a document."""

    def __init__(self, times: int, *headers: str) -> None:
        self.times, self.headers, self.at = times, headers, list[float]()

    def __call__(self, request: Request) -> None:
        self.at.append(time.monotonic())
        if len(self.at) <= self.times:
            request.send(reply(b"<html>preparing", HTML, *self.headers, status="202 Accepted"))
        else:
            request.send(reply(document(f"prepared {request.path}")))


class Signing:
    """Signs links that are refused from the second visit to their landing page on, but for those signed then."""

    def __init__(self) -> None:
        self.signed = 0

    def landing(self, request: Request) -> None:
        self.signed += 1
        request.send(page(f"/signed.pdf?id=7&Expires=9&Signature={self.signed}", "/never.pdf?sig=1&se=2"))

    def forwarding(self, request: Request) -> None:
        self.signed += 1
        query = f"X-Amz-Expires=5&X-Amz-Signature={self.signed}"
        request.send(redirect(f"http://127.0.0.2:{request.connection.getsockname()[1]}/object.pdf?{query}"))

    def serve(self, request: Request) -> None:
        query = parse_qs(request.path.partition("?")[2])
        signature = (query.get("Signature") or query["X-Amz-Signature"])[0]
        refused = reply(b"<Error>Request has expired</Error>", "application/xml", status="403 Forbidden")
        request.send(refused if signature == "1" else reply(document(request.path.partition("?")[0])))


def from_here_to(path: str, *headers: str) -> Answer:
    """Redirects to the other host."""

    def answer(request: Request) -> None:
        host, port = request.connection.getsockname()
        other = "127.0.0.2" if host == "127.0.0.1" else "127.0.0.1"
        request.send(redirect(f"http://{other}:{port}{path}", *headers))

    return answer


def admit(request: Request) -> None:
    """Lets in who comes back with the cookie that it gave."""
    if "ticket=7" in request.headers:
        request.send(reply(document("admitted")))
    else:
        from_here_to("/gate.pdf", "Set-Cookie: ticket=7; Path=/; HttpOnly")(request)


def swap(request: Request) -> None:
    """Redirects to itself in another spelling."""
    request.send(redirect("/swap?b=2&a=1" if request.path.endswith("b=2") else "/swap?a=1&b=2"))


PREPARED, PROMISED, UNREADY = Preparing(2), Preparing(1, "Retry-After: 1"), Preparing(99)
LINKS, FORWARDS = Signing(), Signing()
STAND_INS = {
    "iframe": "<iframe src='/behind/iframe.pdf'></iframe>",
    "object": "<object type='application/pdf' data='/behind/object'></object>",
    "frames": "<frameset><frame src='/behind/frames.pdf'></frameset>",
    "refresh": "<meta http-equiv=refresh content='0; url=/behind/refresh'>",
    "viewer": "<iframe src='/pdfjs/web/viewer.html?file=%2Fbehind%2Fviewer%3Fid%3D1'></iframe>",
    "json": '<script>var c = {"pdfUrl": "/behind/json"};</script>',
}
JUNK = b"junk\n" * 100 + PLAIN
TYPES = ("application/octet-stream", "application/save", HTML, "application/pdf'", ".pdf", "")

ANSWERS: dict[str, Answer] = {
    # PDFs that are none
    "/login.pdf": reply(LOGIN, PDF),
    "/login-with-its-length.pdf": closing(reply(LOGIN + bytes(200_000), PDF)[:-200_000]),
    "/members/sign-in?to=a.pdf": reply(LOGIN.replace(b"Sign in", b"Welcome"), HTML),
    "/login": reply(LOGIN, HTML),
    "/login-beside.pdf": reply(LOGIN + b"<a href='/plain.pdf'>free</a>", HTML),
    "/moment.pdf": reply(MOMENT, PDF),
    "/mitigated": reply(b"<html>no", HTML, "cf-mitigated: challenge", status="403 Forbidden"),
    "/overloaded": reply(MOMENT, HTML, "Server: cloudflare", status="503 Service Unavailable"),
    "/waf": reply(b"", HTML, "x-amzn-waf-action: challenge", status="202 Accepted"),
    "/incapsula.pdf": reply(INCAPSULA, HTML),
    "/captcha.pdf": reply(CAPTCHA, HTML),
    "/captcha": reply(CAPTCHA, HTML),
    "/guarded": reply(GUARDED, HTML),
    "/guarded.pdf": reply(GUARDED, PDF),
    "/shell.pdf": reply(b"<html><body><embed type='application/pdf' src='/behind-the-shell'></body></html>", PDF),
    "/behind-the-shell": reply(document("behind the shell")),
    **{f"/{name}.pdf": reply(f"<html><head></head>{html}</html>".encode(), HTML) for name, html in STAND_INS.items()},
    **{f"/behind/{name}": reply(document(f"behind {name}")) for name in (*STAND_INS, "iframe.pdf", "frames.pdf")},
    "/behind/viewer?id=1": reply(document("behind viewer")),
    "/cut-page": closing(reply(page_html("Page", ["/never-seen"]), HTML)[:-20]),
    "/cut-refusal": closing(reply(b"no such file" * 10, "text/plain", status="404 Not Found")[:-20]),
    "/text.pdf": reply(b"The file is not available.", PDF),
    # PDFs without a name
    **{f"/type-{n}": reply(document(f"type {n}"), kind) for n, kind in enumerate(TYPES)},
    "/no-type": f"HTTP/1.1 200 OK\r\nContent-Length: {len(PLAIN)}\r\n\r\n".encode() + PLAIN,
    # Endings
    "/cut.pdf": unmeasured(document("cut")[:-200]),
    "/half-a-marker.pdf": unmeasured(document("half a marker").rstrip()[:-2]),
    "/junk.pdf": reply(JUNK),
    "/slow.pdf": slowly,
    # Redirects
    "/spaces": redirect("/a name with spaces.pdf"),
    "/a%20name%20with%20spaces.pdf": reply(document("spaces")),
    "/latin": redirect("/caf\xe9.pdf"),
    "/caf%E9.pdf": reply(document("latin")),
    "/dir/relative": redirect("../up.pdf?x#page=2"),
    "/up.pdf?x": reply(document("up")),
    "/swap?a=1&b=2": swap,
    "/swap?b=2&a=1": swap,
    "/strange-cookies": redirect(
        "/cookies", "Set-Cookie: =; ;;", "Set-Cookie: a\xff=b", 'Set-Cookie: q="x y"; Max-Age=9'
    ),
    "/cookies": page(),
    "/admit.pdf": admit,
    "/gate.pdf": from_here_to("/admit.pdf"),
    "/there.pdf": from_here_to("/back.pdf"),
    "/back.pdf": from_here_to("/there.pdf"),
    # Links that expire
    "/landing": LINKS.landing,
    **{f"/signed.pdf?id=7&Expires=9&Signature={n}": LINKS.serve for n in range(1, 5)},
    "/never.pdf?sig=1&se=2": reply(b"", HTML, status="403 Forbidden"),
    "/forward.pdf": FORWARDS.forwarding,
    **{f"/object.pdf?X-Amz-Expires=5&X-Amz-Signature={n}": FORWARDS.serve for n in range(1, 5)},
    # Encodings
    "/undeclared.pdf": reply(ZIPPED),
    "/undeclared": reply(ZIPPED, PDF),
    "/published.pdf.gz": reply(ZIPPED, PDF),
    "/archive": reply(ZIPPED, "application/gzip"),
    "/undeclared-text.pdf": reply(gzip.compress(b"no PDF"), PDF),
    "/double.pdf": reply(gzip.compress(ZIPPED), PDF, "Content-Encoding: gzip"),
    "/double-declared.pdf": reply(gzip.compress(ZIPPED), PDF, "Content-Encoding: gzip, gzip"),
    "/not-encoded.pdf": reply(PLAIN, PDF, "Content-Encoding: gzip"),
    "/many-layers.pdf": reply(PLAIN[5:], PDF, "Content-Encoding: gzip, gzip, gzip, gzip"),
    "/bomb.pdf": reply(BOMB, PDF, "Content-Encoding: gzip"),
    "/cut-undeclared.pdf": reply(ZIPPED[:-200]),
    # Odd success
    "/prepared.pdf": PREPARED,
    "/promised.pdf": PROMISED,
    "/unready.pdf": UNREADY,
    "/reset": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    "/abc.pdf": b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\nConnection: close\r\n\r\n" + PLAIN,
    "/negative.pdf": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nConnection: close\r\n\r\n" + PLAIN,
    "/two-lengths.pdf": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\nConnection: close\r\n\r\n"
    + PLAIN,
    "/strange-headers.pdf": unmeasured(
        document("strange"), PDF, "ETag: \xff\xfe", "Last-Modified: \x7f", "Date: never"
    ),
    "/hints.pdf": b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n" + reply(document("hints")),
    "/old.pdf": closing(b"HTTP/1.0 200 OK\r\n\r\n" + document("old")),
    "/long-header.pdf": reply(document("long"), PDF, f"Content-Security-Policy: {'x' * 30_000}"),
    "/endless-header": reply(document("long"), PDF, f"X-Endless: {'x' * 300_000}"),
    "/strange-name.pdf": reply(document("name"), PDF, "Content-Disposition: attachment; filename=\xe9t\xe9/\xe9 x.pdf"),
}

SAME = ("/undeclared.pdf", "/undeclared", "/double.pdf", "/double-declared.pdf", "/not-encoded.pdf", "/no-type")
BEHIND = ("/behind/iframe.pdf", "/behind/object", "/behind/frames.pdf", "/behind/refresh", "/behind/json")
OUTCOMES = {
    "/login.pdf": "login-wall",
    "/login-with-its-length.pdf": "login-wall",
    "/members/sign-in?to=a.pdf": "login-wall",
    "/login": "page",
    "/login-beside.pdf": "page",
    "/moment.pdf": "challenge",
    "/mitigated": "challenge",
    "/overloaded": "challenge",
    "/waf": "challenge",
    "/incapsula.pdf": "challenge",
    "/captcha.pdf": "challenge",
    "/captcha": "page",
    "/guarded": "page",
    "/guarded.pdf": "page",
    "/shell.pdf": "page",
    "/behind-the-shell": "document",
    **{f"/{name}.pdf": "page" for name in STAND_INS},
    **dict.fromkeys(BEHIND, "document"),
    "/cut-page": "connection-error",
    "/cut-refusal": "not-found",
    "/text.pdf": "other",
    **{f"/type-{n}": "document" for n in range(len(TYPES))},
    "/cut.pdf": "truncated",
    "/half-a-marker.pdf": "document",
    "/junk.pdf": "document",
    "/slow.pdf": "document",
    "/spaces": "document",
    "/latin": "document",
    "/dir/relative": "document",
    "/swap?a=1&b=2": "redirect-loop",
    "/strange-cookies": "page",
    "/landing": "page",
    "/forward.pdf": "redirect",
    "/published.pdf.gz": "other",
    "/archive": "other",
    "/undeclared-text.pdf": "other",
    "/many-layers.pdf": "bad-encoding",
    "/bomb.pdf": "bad-encoding",
    "/cut-undeclared.pdf": "truncated",
    "/prepared.pdf": "document",
    "/promised.pdf": "document",
    "/unready.pdf": "not-ready",
    "/reset": "empty",
    "/abc.pdf": "bad-response",
    "/negative.pdf": "bad-response",
    "/two-lengths.pdf": "bad-response",
    "/strange-headers.pdf": "document",
    "/hints.pdf": "document",
    "/old.pdf": "document",
    "/long-header.pdf": "document",
    "/endless-header": "bad-response",
    "/strange-name.pdf": "document",
    "/admit.pdf": "redirect",
    "/there.pdf": "redirect",
}


class Visits(Crawled):
    def visits(self, path: str, host: int = 1) -> list[dict[str, object]]:
        """The rows of a URL that may have been visited again, the first one first."""
        return [row for row in self.fleet.rows() if row["url"] == self.server.url(path, host)]


@pytest.fixture(scope="module")
def crawled() -> Iterator[Visits]:
    with tempfile.TemporaryDirectory() as directory, redis_server(Path(directory)) as url, hostile(ANSWERS) as server:
        settings = {**STRICT, "PDF_IDLE_TIMEOUT": 1, "PDF_POLL_TIMES": 3, "FRONTIER_RETRY_DELAY": 0.1}
        fleet = Fleet(Path(directory), url, settings=settings)
        seeds = [path for path in (*SAME, *OUTCOMES) if path not in BEHIND and path != "/behind-the-shell"]
        fleet.crawl(*map(server.url, seeds))
        yield Visits(server, fleet)


@pytest.mark.parametrize("path", OUTCOMES)
def test_every_answer_has_its_class(crawled: Visits, path: str) -> None:
    row = crawled.visits(path)[0]
    assert row["outcome"] == OUTCOMES[path], row["reason"]


def test_rows_store_and_frontier_agree(crawled: Visits) -> None:
    crawled.fleet.audit()
    assert not crawled.fleet.rows("outcome = 'internal-error'")


def test_every_document_is_one_that_was_sent(crawled: Visits) -> None:
    sent = {hashlib.sha256(document(title)).hexdigest() for title in ("spaces", "up", "admitted", "name", "strange")}
    assert sent <= crawled.fleet.files()
    assert crawled.row("/junk.pdf")["sha256"] == hashlib.sha256(JUNK).hexdigest()
    assert crawled.row("/slow.pdf")["sha256"] == hashlib.sha256(document("slow", 30_000)).hexdigest()


def test_the_same_document_in_whatever_clothes(crawled: Visits) -> None:
    assert {crawled.row(path)["sha256"] for path in SAME} == {hashlib.sha256(PLAIN).hexdigest()}


def test_a_viewer_is_looked_behind(crawled: Visits) -> None:
    assert crawled.row("/behind/viewer?id=1")["outcome"] == "document"


def test_only_get_is_used(crawled: Visits) -> None:
    assert crawled.row("/strange-name.pdf")["disposition_name"] == "é x.pdf"
    assert crawled.server.bad == []


def test_what_is_being_prepared_is_asked_for_again_when_it_was_said(crawled: Visits) -> None:
    assert (len(PREPARED.at), len(PROMISED.at), len(UNREADY.at)) == (3, 2, 4)
    assert PROMISED.at[1] - PROMISED.at[0] >= 0.95
    assert crawled.row("/unready.pdf")["attempt"] == 4


def test_obstacles_are_not_tried_again(crawled: Visits) -> None:
    for path in ("/login.pdf", "/moment.pdf", "/overloaded", "/waf"):
        assert crawled.server.paths().count(path) == 1


def test_a_loop_over_hosts_is_gone_through_once_more_with_its_cookies(crawled: Visits) -> None:
    first, second = crawled.visits("/admit.pdf")
    (between,) = crawled.visits("/gate.pdf", host=2)
    assert [row["outcome"] for row in (first, between, second)] == ["redirect", "redirect", "document"]
    assert len(crawled.visits("/there.pdf")) == 1
    assert crawled.visits("/back.pdf", host=2)[0]["outcome"] == "redirect-loop"


def test_signed_links_are_derived_again_once(crawled: Visits) -> None:
    signed = "/signed.pdf?id=7&Expires=9&Signature="
    assert crawled.row(f"{signed}1")["outcome"] == "forbidden"
    documents = [row for row in crawled.fleet.rows("outcome = 'document'") if signed in row["url"]]
    assert [row["found_on"] for row in documents] == [crawled.server.url("/landing")]
    assert crawled.row("/never.pdf?sig=1&se=2")["outcome"] == "forbidden"
    assert LINKS.signed == 3  # the first visit, and one for each link that was refused
    objects = "/object.pdf?X-Amz-Expires=5&X-Amz-Signature="
    assert [crawled.visits(f"{objects}{n}", host=2)[0]["outcome"] for n in (1, 2)] == ["forbidden", "document"]
    assert FORWARDS.signed == 2


def test_behind_a_page_out_of_the_scope(fleet: Fleet) -> None:
    """Where a document was promised, the way goes on to documents, but not for ever."""
    with hostile() as server:
        chain = {f"/{n}.pdf": page(f"/{n + 1}.pdf", "/another-page") for n in range(12)}
        many = page(*(f"/many/{n}.pdf" for n in range(20)))
        there = [server.url(path, host=2) for path in ("/0.pdf", "/list.pdf", "/loop.pdf")]
        server.answers |= {**chain, "/": page(*there), "/list.pdf": many, "/loop.pdf": page("/pool.pdf")}
        server.answers |= {"/pool.pdf": page("/loop.pdf")}
        fleet.crawl(server.url(), ROBOTSTXT_OBEY=False)
        expected = ["/", *(f"/{n}.pdf" for n in range(9)), "/list.pdf", "/loop.pdf", "/pool.pdf"]
        assert sorted(server.paths()) == sorted(expected)
    fleet.audit()


def test_a_class_is_sent_again(fleet: Fleet) -> None:
    answers = [reply(LOGIN, PDF), reply(PLAIN)]
    with hostile({"/let-in.pdf": lambda request: request.send(answers.pop(0))}, hosts=1) as server:
        fleet.crawl(server.url("/let-in.pdf"), ROBOTSTXT_OBEY=False)
        assert list(fleet.outcomes().values()) == ["login-wall"]
        command = ["retry", "--class", "login-wall", f"-sDATA_DIR={fleet.data}", f"-sREDIS_URL={fleet.redis_url}"]
        done = fork_server.run(["scrapy", *command])
        assert ": 1 URL queued again\n" in done.stdout
        fleet.crawl(server.url("/let-in.pdf"), ROBOTSTXT_OBEY=False)
    assert list(fleet.outcomes().values()) == ["document"]
    fleet.audit()
