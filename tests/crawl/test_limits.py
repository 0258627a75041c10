"""How far a job goes: pages, documents, depth, scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.server import serve
from bench.site import Site
from tests.crawl.hostile import Hostile, document, hostile, page, reply
from tests.support import INJECTED, SETTINGS

if TYPE_CHECKING:
    from tests.support import Fleet


@pytest.mark.parametrize(("limit", "outcome"), [("max_pages", "page"), ("max_documents", "document")])
def test_limits_are_exact_over_all_workers(fleet: Fleet, limit: str, outcome: str) -> None:
    with serve(Site(hosts=4, pages=40, documents=80), latency=10) as server:
        standing = fleet.stand(2)
        fleet.crawl(server.url, arguments={"scope": "any", limit: 7})
        for worker in standing:
            worker.dismiss()
        job = fleet.job()
        assert job["classes"][outcome] == 7
        assert set(job["classes"]) <= {"page", "document", "over-budget"}
        pages, documents = job["classes"].get("page", 0), job["classes"].get("document", 0)
        fetched = [entry for entry in server.log() if entry.path != "/robots.txt"]
        assert len(fetched) == pages + documents
        assert len(fleet.files()) == documents
    fleet.audit()


def test_pages_where_documents_are_expected_keep_to_the_limit(fleet: Fleet) -> None:
    with hostile() as server:
        server.answers["/"] = page("/0.pdf", "/1.pdf", "/2.pdf", "/3.pdf", "/real.pdf")
        server.answers |= {f"/{n}.pdf": page(f"/behind-{n}.pdf") for n in range(4)}
        names = ("real", *(f"behind-{n}" for n in range(4)))
        server.answers |= {f"/{name}.pdf": reply(document(name)) for name in names}
        fleet.crawl(server.url(), arguments={"max_pages": 3})
        assert fleet.job()["classes"] == {"document": 3, "page": 3, "over-budget": 2}
        (reason,) = {row["reason"] for row in fleet.rows("outcome = 'over-budget'")}
        assert "max_pages" in reason
    fleet.audit()


def chain(server: Hostile) -> None:
    """Pages that lead from one to the next, each with a document."""
    server.answers |= {f"/{n}": page(f"/{n + 1}", f"/{n}.pdf") for n in range(6)}
    server.answers |= {f"/{n}.pdf": reply(document(f"{n}")) for n in range(6)}
    server.answers["/6"] = page()


@pytest.mark.parametrize(("arguments", "settings"), [({"depth": 2}, {}), ({}, {"DEPTH_LIMIT": 2})])
def test_depth(fleet: Fleet, arguments: dict[str, int], settings: dict[str, int]) -> None:
    with hostile() as server:
        chain(server)
        fleet.crawl(server.url("/0"), arguments=arguments, **settings)
        assert sorted(server.paths()) == ["/0", "/0.pdf", "/1", "/1.pdf", "/2", "/robots.txt"]
        assert {row["url"]: row["depth"] for row in fleet.rows()} == {
            server.url("/0"): 0,
            server.url("/1"): 1,
            server.url("/0.pdf"): 1,
            server.url("/2"): 2,
            server.url("/1.pdf"): 2,
        }


def test_depth_0_has_no_limit(fleet: Fleet) -> None:
    with hostile() as server:
        chain(server)
        fleet.crawl(server.url("/0"), arguments={"depth": 0}, DEPTH_LIMIT=1)
        assert "/6" in server.paths()


def test_a_document_may_leave_the_scope_and_a_page_may_not(fleet: Fleet) -> None:
    with hostile() as server:
        there = [server.url(path, host=2) for path in ("/page", "/file.pdf", "/page.pdf")]
        server.answers |= {"/": page(*there), "/page": page(), "/file.pdf": reply(document("file"))}
        server.answers |= {"/page.pdf": page("/deeper", "/deeper.pdf"), "/deeper.pdf": reply(document("deeper"))}
        fleet.crawl(server.url())
        outcomes = {"/": "page", "/file.pdf": "document", "/page.pdf": "page", "/deeper.pdf": "document"}
        assert {row["url"].partition(str(server.port))[2]: row["outcome"] for row in fleet.rows()} == outcomes
    fleet.audit()


def test_any_scope(fleet: Fleet) -> None:
    with hostile() as server:
        server.answers |= {"/": page(server.url("/page", host=2)), "/page": page("/deeper"), "/deeper": page()}
        fleet.crawl(server.url(), arguments={"scope": "any"})
        assert "/deeper" in server.paths()


def test_a_domain_has_many_hosts(fleet: Fleet) -> None:
    names = {host: ["127.0.0.1"] for host in ("a.example.org", "b.example.org", "other.org")}
    extensions = {**SETTINGS["EXTENSIONS"], f"{INJECTED}.Names": 1}
    with hostile() as server:
        port = server.port
        links = [f"http://{host}:{port}/inside" for host in ("b.example.org", "other.org")]
        server.answers |= {"/": page(*links), "/inside": page()}
        seed = f"http://a.example.org:{port}/"
        fleet.crawl(seed, arguments={"scope": "domain"}, NAMES=names, EXTENSIONS=extensions)
        assert links[0] in fleet.outcomes()
        assert links[1] not in fleet.outcomes()


def test_a_job_ends_when_its_time_is_over_whatever_its_hosts_ask_for(fleet: Fleet) -> None:
    with serve(Site(hosts=1, pages=5, documents=10)) as server:
        urls = [server.url, *(server.site.document_url(number) for number in range(5))]
        fleet.crawl(*urls, arguments={"max_seconds": 1}, DOWNLOAD_DELAY=3600)
    ended = fleet.rows("outcome = 'over-budget'")
    assert len(ended) >= 5
    assert {row["reason"] for row in ended} == {"the job's max_seconds is over"}
    fleet.audit()
