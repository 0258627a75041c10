"""How many slots of a worker hosts may hold that do not answer, and in what order jobs get the others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from scrapy import Request

from pdfspider.crawl.engine.requests import ReadyRequests
from pdfspider.crawl.policy.unreached_hosts import MAX_CONCURRENT_LOOKUPS, SHRINK_STEP, SLOW_AFTER_S, UnreachedHosts
from pdfspider.crawl.visit import Visit
from pdfspider.frontier.jobs import Job
from pdfspider.frontier.leases import Lease, LeaseKind
from tests.crawl.hostile import Request as Asked
from tests.crawl.hostile import document, hostile, page, reply
from tests.support import until

if TYPE_CHECKING:
    from tests.support import Fleet

SILENT = 40
DOCUMENTS = 20


def lease(run: int = 1, *, unreached: bool = True, since: float = 0.0, latency: float | None = None) -> Lease:
    at = time.monotonic() - since
    made = Lease("1-a", run, LeaseKind.URL, at, report=False, deliveries=0, expiries=0, entry=None, unreached=unreached)
    made.begun, made.latency = True, latency
    return made


def request_of(name: str, run: int) -> Request:
    job = Job(name="", run=run, robots=False, anchors="")
    return Request(f"http://{name}.test/", meta=Visit(lease(run), job).into({}))


class TestBound:
    @pytest.mark.parametrize(
        ("concurrency", "least"), [(1, 1), (2, 1), (8, 4), (32, 16), (500, MAX_CONCURRENT_LOOKUPS)]
    )
    def test_it_is_half_of_the_slots_at_first(self, concurrency: int, least: int) -> None:
        hosts = UnreachedHosts(concurrency)
        assert hosts.room == least
        hosts.granted([lease() for _ in range(least)] + [lease(unreached=False)])
        assert hosts.room == 0

    def test_it_grows_while_they_answer_and_leaves_slots_to_others(self) -> None:
        hosts = UnreachedHosts(32)
        for _ in range(100):
            hosts.granted([lease()])
            hosts.ended(lease(latency=0.1))
        assert hosts.room == 24

    def test_it_shrinks_when_they_are_slow(self) -> None:
        hosts = UnreachedHosts(32)
        for _ in range(8):
            hosts.granted([lease()])
            hosts.ended(lease(latency=0.1))
        for room in (24 - SHRINK_STEP, 16, 16):
            hosts.granted([lease()])
            hosts.ended(lease(since=2 * SLOW_AFTER_S))
            assert hosts.room == room

    def test_names_that_are_refused_at_once_and_leases_that_were_not_begun_change_nothing(self) -> None:
        hosts, idle = UnreachedHosts(32), lease(since=2 * SLOW_AFTER_S)
        idle.begun = False
        hosts.granted([lease(latency=0.1), lease(), idle])
        hosts.ended(lease(latency=0.1))
        hosts.ended(lease())
        hosts.ended(idle)
        assert hosts.room == 17


class TestReadyRequests:
    def test_runs_take_turns_and_each_keeps_its_order(self) -> None:
        ready = ReadyRequests()
        for run, urls in ((1, "abcd"), (2, "x"), (3, "yz")):
            ready.extend(request_of(url, run) for url in urls)
        assert len(ready) == len(list(ready)) == 7
        assert [ready.popleft().url[7] for _ in range(7)] == list("axybzcd")
        assert not ready

    def test_it_can_be_emptied(self) -> None:
        ready = ReadyRequests()
        request = request_of("a", 1)
        ready.append(request)
        assert request in ready
        ready.clear()
        assert request not in ready


def test_hosts_that_do_not_answer_keep_no_documents_waiting(fleet: Fleet) -> None:
    with hostile(hosts=SILENT + 1) as server:
        server.answers = {f"/{n}.pdf": reply(document(f"{n}")) for n in range(DOCUMENTS)}
        missing = reply(b"", "text/plain", status="404 Not Found")

        def robots(request: Asked) -> None:
            request.send(missing) if request.address == "127.0.0.1" else request.hang()

        server.answers["/robots.txt"] = robots
        server.answers["/silent"] = Asked.hang
        silent = [server.url("/silent", host) for host in range(2, SILENT + 2)]
        server.answers["/"] = page(*silent, *(f"/{n}.pdf" for n in range(DOCUMENTS // 2)))
        server.answers["/neighbour"] = page(*(f"/{n}.pdf" for n in range(DOCUMENTS // 2, DOCUMENTS)))
        settings = {"CONCURRENT_REQUESTS": 4, "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "PDF_ANSWER_TIMEOUT": 600}
        (worker,) = fleet.stand(1, **settings)
        fleet.push(message(server.url("/"), "silent"))
        until(lambda: sum(seen.path == "/robots.txt" for seen in server.seen) > 2)
        fleet.push(message(server.url("/neighbour"), "neighbour"))
        until(lambda: len(fleet.files()) == DOCUMENTS)
        assert fleet.status()["jobs"]["silent"]["dead"] == 0
        worker.kill()


def message(url: str, job: str) -> str:
    return f'{{"url": "{url}", "job": "{job}", "depth": 1, "scope": "any"}}'
