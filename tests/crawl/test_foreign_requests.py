"""Requests and responses that middlewares, extensions and download handlers of other people make."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.crawl.hostile import document, hostile, page, redirect, reply
from tests.support import INJECTED, gaps

if TYPE_CHECKING:
    from tests.crawl.hostile import Hostile
    from tests.support import Fleet

FOREIGN = "tests.crawl.foreign"
DELAY = 0.3
STOCK_HANDLER = "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler"


def middlewares(*names: str) -> dict[str, Any]:
    return {"DOWNLOADER_MIDDLEWARES": {f"{FOREIGN}.{name}": 500 for name in names}}


def are_apart(server: Hostile, fleet: Fleet) -> None:
    """No two requests came to one host faster than its delay, by the workers' clock and, roughly, the server's."""
    hosts = {seen.address for seen in server.seen}
    for host in hosts:
        assert min(gaps(start.at for start in fleet.starts() if f"//{host}:" in start.url), default=DELAY) >= DELAY
    assert sum(f"//{host}:" in start.url for host in hosts for start in fleet.starts()) == len(server.seen)


def test_what_middlewares_ask_goes_through_the_gate(fleet: Fleet) -> None:
    with hostile() as server:
        other = server.url("/d.pdf", host=2)
        paths = {
            "/Twice/1.pdf": "document",
            "/Renewing/1.pdf": "document",
            f"/Redirecting/1?to={server.url('/same.pdf')}": "document",
            f"/Redirecting/2?to={server.url('/forbidden.pdf')}": "robots-denied",
            f"/Redirecting/3?to={other}": "redirect",
            "/Recovering/1.pdf": "document",
            "/Posting/1": "internal-error",
            "/Local/1": "internal-error",
        }
        robots = reply(b"User-agent: *\nDisallow: /forbidden", "text/plain")
        known = ("/Twice/1.pdf", "/Renewing/1.pdf", "/same.pdf", "/forbidden.pdf", "/recovered/1.pdf", "/d.pdf")
        server.answers |= {path: reply(document(path)) for path in known} | {"/robots.txt": robots}
        server.answers["/Recovering/1.pdf"] = b"this is no HTTP\r\n\r\n"
        names = {path.split("/")[1] for path in paths}
        settings = {"DOWNLOAD_DELAY": DELAY, "CONCURRENT_REQUESTS_PER_DOMAIN": 8, "RETRY_TIMES": 0}
        fleet.crawl(*map(server.url, paths), **settings, **middlewares(*names))
        outcomes = fleet.outcomes()
        assert outcomes.pop(other) == "document"
        assert outcomes == {server.url(path): outcome for path, outcome in paths.items()}
        asked = Counter(server.paths())
        assert (asked["/Twice/1.pdf"], asked["/Renewing/1.pdf"], asked["/forbidden.pdf"]) == (3, 1, 0)
        assert not [path for path in asked if "Posting" in path or "Local" in path]
        are_apart(server, fleet)
    assert fleet.job()["leased"] == 0


def test_what_middlewares_say_of_a_request(fleet: Fleet) -> None:
    """A value of its meta that makes no sense is the failure of its URL alone."""
    wrong = ["abc", "-1", "nan", "inf"]
    with hostile() as server:
        good = [server.url("/TimeLimit/1?to=20.5"), server.url("/fine")]
        bad = [server.url(f"/TimeLimit/1?to={value}") for value in wrong]
        server.answers |= {"/TimeLimit/1?to=20.5": page(), "/fine": page()}
        fleet.crawl(*good, *bad, **middlewares("Deferring", "NoProxy", "TimeLimit"))
        assert fleet.outcomes() == {**dict.fromkeys(good, "page"), **dict.fromkeys(bad, "internal-error")}
        assert {fleet.row(url)["reason"] for url in bad} == {
            f"download_timeout={value!r} is not a number of seconds above 0" for value in wrong
        }
    fleet.audit()


def test_a_middleware_that_never_has_enough(fleet: Fleet) -> None:
    with hostile({"/Endless/1": page(), "/fine": page()}) as server:
        endless = [server.url("/Endless/1"), server.url("/Circling/1")]
        fleet.crawl(*endless, server.url("/fine"), **middlewares("Endless", "Circling"))
        assert fleet.outcomes() == {**dict.fromkeys(endless, "internal-error"), server.url("/fine"): "page"}
        assert Counter(server.paths())["/Endless/1"] == 100
        assert fleet.row(endless[1])["reason"] == "a middleware returned a request 100 times"
    fleet.audit()


def test_one_response_for_everybody(fleet: Fleet) -> None:
    with hostile() as server:
        urls = [server.url(f"/Cached/{number}") for number in range(20)]
        fleet.crawl(*urls, ROBOTSTXT_OBEY=False, **middlewares("Cached"))
        assert fleet.outcomes() == dict.fromkeys(urls, "page")
        assert server.seen == []
    fleet.audit()


def test_a_request_that_is_lost_ends(fleet: Fleet) -> None:
    extensions = {f"{INJECTED}.StartLog": 0, f"{FOREIGN}.Losing": 0}
    with hostile({"/Twice/1": page(), "/fine": page()}) as server:
        worker = fleet.crawl(server.url("/Twice/1"), server.url("/fine"), EXTENSIONS=extensions, **middlewares("Twice"))
        assert fleet.outcomes() == {server.url("/Twice/1"): "internal-error", server.url("/fine"): "page"}
        assert fleet.row(server.url("/Twice/1"))["reason"] == "a middleware or an extension lost its request"
        assert "a middleware or an extension lost its request" in worker.output
    fleet.audit()


def test_a_request_that_nobody_has_a_lease_for_is_not_sent(fleet: Fleet) -> None:
    extensions = {f"{INJECTED}.StartLog": 0, f"{FOREIGN}.Downloading": 0}
    with hostile({"/": page(), "/own": page()}) as server:
        worker = fleet.crawl(server.url(), EXTENSIONS=extensions)
        assert fleet.outcomes() == {server.url(): "page"}
        assert "/own" not in server.paths()
        assert f"<GET {server.url('/own')}> is not fetched: A request without a lease is not sent" in worker.output
        assert "ERROR A request without a lease is not sent" in worker.output
    fleet.audit()


def test_another_download_handler(fleet: Fleet) -> None:
    """One that gives plain responses, and knows nothing of gates."""
    with hostile() as server:
        links = ["/1.pdf", "/large.pdf", "/cut.pdf", "/moved", "/away", "/gone", "/other"]
        server.answers |= {
            "/": page(*links),
            "/1.pdf": reply(document("1")),
            "/large.pdf": reply(document("large", 2_000_000)),
            "/cut.pdf": reply(document("cut")[:-100]),
            "/moved": redirect("/1.pdf?moved"),
            "/1.pdf?moved": reply(document("moved")),
            "/away": redirect(server.url("/away.pdf", host=2)),
            "/away.pdf": reply(document("away")),
            "/other": reply(b"\x7fELF" + bytes(5000), "application/octet-stream"),
            "/robots.txt": reply(b"User-agent: *\nDisallow: /no", "text/plain"),
        }
        settings = {"DOWNLOAD_DELAY": DELAY, "CONCURRENT_REQUESTS_PER_DOMAIN": 8, "RETRY_TIMES": 0}
        fleet.crawl(server.url(), DOWNLOAD_HANDLERS={"http": STOCK_HANDLER}, **settings)
        ends = {path: fleet.row(server.url(path))["outcome"] for path in ("/", *links)}
        assert ends == {
            "/": "page",
            "/1.pdf": "document",
            "/large.pdf": "document",
            "/cut.pdf": "truncated",
            "/moved": "redirect",
            "/away": "redirect",
            "/gone": "not-found",
            "/other": "other",
        }
        assert len(fleet.files()) == 4
        are_apart(server, fleet)
    fleet.audit()
