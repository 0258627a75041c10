"""What robots.txt says, and what becomes of a host that has none to give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.processes import free_port
from bench.server import serve
from bench.site import Site
from pdfspider.crawl.policy.robots_rules import crawl_delay
from tests.crawl.hostile import HTML, PDF, Request, document, hostile, page, redirect, reply
from tests.support import INJECTED, SETTINGS

if TYPE_CHECKING:
    from tests.crawl.hostile import Answer
    from tests.support import Fleet

TEXT = "text/plain"
DENY = reply(b"User-agent: *\nDisallow: /private\n", TEXT)


@pytest.mark.parametrize(("asked", "seconds"), [("2.5", 2.5), ("0", 0), ("1e300", 86_400), ("99999999999", 86_400)])
def test_no_host_can_ask_for_more_than_a_day_between_requests(asked: str, seconds: float) -> None:
    assert crawl_delay(f"User-agent: *\nCrawl-delay: {asked}\n".encode(), "pdfspider/0.1") == seconds


def test_what_is_forbidden_is_not_fetched(fleet: Fleet) -> None:
    with hostile({"/robots.txt": DENY, "/": page("/private/1", "/private/2.pdf", "/open")}) as server:
        server.answers |= {"/open": redirect("/private/3"), "/private/1": page(), "/private/3": page()}
        fleet.crawl(server.url())
        assert sorted(server.paths()) == ["/", "/open", "/robots.txt"]
        outcomes = fleet.outcomes()
        assert outcomes == {
            server.url("/"): "page",
            server.url("/open"): "robots-denied",
            server.url("/private/1"): "robots-denied",
            server.url("/private/2.pdf"): "robots-denied",
        }
        assert fleet.row(server.url("/private/1"))["reason"]
    fleet.audit()


def test_whatever_a_robots_txt_has_its_urls_end(fleet: Fleet) -> None:
    never = "Mon, 01 Jan 99999999999 00:00:00 GMT"
    busy = reply(b"", HTML, f"Retry-After: {never}", status="503 Service Unavailable")
    faulty = reply(b"User-agent: *\nDisallow: /faulty\n", TEXT)
    by_proxy = reply(b"", HTML, status="407 Proxy Authentication Required")
    extensions = {**SETTINGS["EXTENSIONS"], f"{INJECTED}.FaultyRobots": 1}
    with (
        hostile({"/busy": busy}) as server,
        hostile({"/robots.txt": busy}) as late,
        hostile({"/robots.txt": faulty}) as odd,
        hostile({"/robots.txt": by_proxy}) as behind,
    ):
        links = "/busy", "/by-proxy", "/a.pdf", late.url("/b.pdf"), odd.url("/c.pdf"), behind.url("/d.pdf")
        server.answers |= {"/": page(*links), "/by-proxy": by_proxy}
        server.answers["/a.pdf"] = reply(document(), PDF, f"Last-Modified: {never}", f"Date: {never}")
        worker = fleet.crawl(server.url(), RETRY_TIMES=0, EXTENSIONS=extensions)
        assert fleet.outcomes() == {
            server.url("/"): "page",
            server.url("/busy"): "server-error",
            server.url("/by-proxy"): "connection-error",
            server.url("/a.pdf"): "document",
            behind.url("/d.pdf"): "connection-error",
            late.url("/b.pdf"): "robots-unavailable",
            odd.url("/c.pdf"): "internal-error",
        }
    assert worker.output.count("Cannot read the robots.txt of") == 1
    fleet.audit()


def test_robots_can_be_disobeyed(fleet: Fleet) -> None:
    with hostile({"/robots.txt": DENY, "/": page("/private")}) as server:
        server.answers["/private"] = page()
        fleet.crawl(server.url(), ROBOTSTXT_OBEY=False)
        assert server.paths() == ["/", "/private"]
    fleet.audit()


def test_no_rules_allow_everything(fleet: Fleet) -> None:
    rules = [
        reply(b"no", TEXT, status="404 Not Found"),
        reply(b"no", TEXT, status="403 Forbidden"),
        reply(b"\xff\xfe\x00nonsense\n" * 100, TEXT),
        reply(b"<html><body>Welcome!</body></html>", "text/html"),
        reply(b"", TEXT),
    ]
    with hostile({"/": page("/a"), "/a": page()}, hosts=len(rules)) as server:
        by_address = {f"127.0.0.{host}": answer for host, answer in enumerate(rules, 1)}
        server.answers["/robots.txt"] = lambda request: request.send(by_address[request.address])
        fleet.crawl(*[server.url(host=host) for host in range(1, len(rules) + 1)])
        assert list(fleet.outcomes().values()) == ["page"] * 2 * len(rules)
        assert server.paths().count("/robots.txt") == len(rules)
    fleet.audit()


def test_a_redirected_robots_txt_is_followed(fleet: Fleet) -> None:
    with hostile({"/robots.txt": redirect("/rules"), "/rules": DENY, "/": page("/private")}) as server:
        fleet.crawl(server.url())
        assert fleet.outcomes()[server.url("/private")] == "robots-denied"


def elsewhere(host: int, path: str = "/robots.txt") -> Answer:
    """Redirects to another host."""

    def answer(request: Request) -> None:
        port = request.connection.getsockname()[1]
        request.send(redirect(f"http://127.0.0.{host}:{port}{path}"))

    return answer


def by_host(*answers: Answer) -> Answer:
    """Answers each host in its own way."""

    def answer(request: Request) -> None:
        own = answers[int(request.address.rpartition(".")[2]) - 1]
        request.send(own) if isinstance(own, bytes) else own(request)

    return answer


@pytest.mark.parametrize("hops", [1, 5, 6])
def test_a_robots_txt_of_another_host_is_obeyed(fleet: Fleet, hops: int) -> None:
    with hostile({"/": page("/private", "/open"), "/private": page(), "/open": page()}, hosts=hops + 1) as server:
        server.answers["/robots.txt"] = by_host(*(elsewhere(host) for host in range(2, hops + 2)), DENY)
        fleet.crawl(server.url())
        assert fleet.outcomes()[server.url("/private")] == "robots-denied"
        assert fleet.outcomes()[server.url("/open")] == "page"
        asked = [request.address for request in server.seen if request.path == "/robots.txt"]
        assert asked == [f"127.0.0.{host}" for host in range(1, hops + 2)]
    fleet.audit()


@pytest.mark.parametrize("others", [["loop"], ["missing"], ["loop", "both"]])
def test_a_redirected_robots_txt_that_is_nowhere_allows_everything(fleet: Fleet, others: list[str]) -> None:
    answer = elsewhere(1) if "loop" in others else reply(b"no", TEXT, status="404 Not Found")
    with hostile({"/": page("/a"), "/a": page()}) as server:
        server.answers["/robots.txt"] = by_host(elsewhere(2), answer)
        seeds = [server.url(host=host) for host in ((1, 2) if "both" in others else (1,))]
        fleet.crawl(*seeds)
        assert set(fleet.outcomes().values()) == {"page"}
    fleet.audit()


def test_a_redirected_robots_txt_that_cannot_be_had_forbids_everything(fleet: Fleet) -> None:
    with hostile({"/": page("/a")}) as server:
        server.answers["/robots.txt"] = by_host(elsewhere(2), reply(b"", TEXT, status="500 Oops"))
        fleet.crawl(server.url(), RETRY_TIMES=0)
        assert fleet.outcomes() == {server.url(): "robots-unavailable"}
    fleet.audit()


def test_a_robots_txt_that_cannot_be_had_forbids_everything(fleet: Fleet) -> None:
    with hostile({"/robots.txt": reply(b"", TEXT, status="500 Oops"), "/": page()}) as server:
        fleet.crawl(server.url(), server.url("/x"), RETRY_TIMES=1)
        assert set(fleet.outcomes().values()) == {"robots-unavailable"}
        assert set(server.paths()) == {"/robots.txt"}
        assert 2 <= len(server.paths()) <= 3
    fleet.audit()


def test_a_robots_txt_that_comes_later_is_used(fleet: Fleet) -> None:
    answers = iter([reply(b"", TEXT, status="503 Later"), DENY])
    with hostile({"/": page("/private"), "/robots.txt": lambda request: request.send(next(answers))}) as server:
        fleet.crawl(server.url(), RETRY_TIMES=2)
        assert fleet.outcomes() == {server.url(): "page", server.url("/private"): "robots-denied"}


def test_a_host_that_cannot_be_reached(fleet: Fleet) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    fleet.crawl(url, "http://nothing.invalid/", RETRY_TIMES=1)
    assert fleet.outcomes() == {url: "connection-error", "http://nothing.invalid/": "dns-error"}
    fleet.audit()


def test_denied_by_the_bench_site(fleet: Fleet) -> None:
    with serve(Site(hosts=2, pages=10, documents=20), robots_deny=["/files/"]) as server:
        fleet.crawl(server.url, arguments={"scope": "any"})
        denied = {url for url in server.site.document_urls() if "/files/" in url}
        assert {url for url, outcome in fleet.outcomes().items() if outcome == "robots-denied"} == denied
        assert not any(entry.path.startswith("/files/") for entry in server.log())
        assert len(fleet.files()) == 20 - len(denied)
    fleet.audit()
