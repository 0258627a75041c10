"""The whole bench site, crawled by one worker and by several."""

from __future__ import annotations

import signal
from collections import Counter
from threading import Event
from typing import TYPE_CHECKING

import pytest

from bench.server import Server, serve
from bench.site import Site
from tests.crawl.hostile import Request, document, hostile, page, reply
from tests.support import PATIENCE, Fleet, leftovers, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANYWHERE = {"scope": "any"}


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(Site(hosts=4, pages=40, documents=80)) as running:
        yield running


def fetched(server: Server) -> Counter[str]:
    return Counter(f"http://{entry.address}:{server.port}{entry.path}" for entry in server.log())


def expected(server: Server, times: int = 1) -> Counter[str]:
    """Every page, document and robots.txt once."""
    site = server.site
    robots = [f"http://{address}:{site.port}/robots.txt" for address in site.addresses]
    return Counter([*site.page_urls(), *site.document_urls(), *robots])


def check(fleet: Fleet, server: Server) -> None:
    """The site has been crawled, by what the rows, the store and the frontier say."""
    site = server.site
    fleet.audit()
    assert fleet.files() == set(site.expected().values())
    rows = {row["url"]: row for row in fleet.rows()}
    assert rows.keys() == {*site.page_urls(), *site.document_urls()}
    for url, sha256 in site.expected().items():
        assert (rows[url]["outcome"], rows[url]["sha256"], rows[url]["status"]) == ("document", sha256, 200)
    for url in site.page_urls():
        assert (rows[url]["outcome"], rows[url]["sha256"]) == ("page", None)
    job = fleet.job()
    assert job["state"] == "finished"
    assert job["classes"] == {"page": site.pages, "document": site.documents}
    assert job["bytes"] == sum(map(site.document_size, range(site.documents)))


def test_one_worker_brings_back_everything(fleet: Fleet, server: Server) -> None:
    fleet.crawl(server.url, arguments=ANYWHERE)
    assert fetched(server) == expected(server)
    check(fleet, server)
    assert fleet.status()["workers"] == {}
    seed = fleet.row(server.url)
    assert (seed["depth"], seed["technique"], seed["found_on"], seed["attempt"]) == (0, "seed", None, 1)
    child = fleet.row(server.site.page_url(1))
    assert (child["depth"], child["technique"], child["found_on"]) == (1, "a", server.url)


def test_the_embedded_redis_ends_with_the_last_worker(tmp_path: Path) -> None:
    fleet = Fleet(
        tmp_path, None, settings={"CONCURRENT_REQUESTS_PER_DOMAIN": 1, "FRONTIER_LEASE_SECONDS": 10 * PATIENCE}
    )
    with serve(Site(hosts=2, pages=20, documents=40), latency=60) as server:
        first = fleet.start(server.url, arguments=ANYWHERE)
        until(first.has_sent)
        first.send(signal.SIGSTOP)  # so that the job does not end before the second has come
        second = fleet.start(server.url, arguments=ANYWHERE)
        until(lambda: "works on job" in second.output)
        first.send(signal.SIGCONT)
        for worker in fleet.workers:
            worker.finish()
        assert fetched(server) == expected(server)
        assert fleet.files() == set(server.site.expected().values())
    until(lambda: not (fleet.data / "redis" / "redis.pid").exists())


def test_workers_that_come_later_share_the_work(fleet: Fleet) -> None:
    """No document is answered before each of them has asked for one."""
    everybody_asks = Event()

    def wait_for_everybody(request: Request) -> None:
        everybody_asks.wait(PATIENCE)
        request.send(reply(document(request.path)))

    links = [f"/{number}.pdf" for number in range(24)]
    fleet.settings = {"CONCURRENT_REQUESTS": 1, "CONCURRENT_REQUESTS_PER_DOMAIN": 24}
    with hostile({"/": page(*links), **dict.fromkeys(links, wait_for_everybody)}) as server:
        workers = [fleet.start(server.url()) for _ in range(4)]
        until(lambda: all(worker.has_sent() for worker in workers))
        everybody_asks.set()
        for worker in workers:
            worker.finish()
        assert sorted(server.paths()) == sorted(["/", "/robots.txt", *links])
    fleet.audit()
    assert fleet.job()["classes"] == {"page": 1, "document": 24}


def test_a_killed_worker_loses_nothing(fleet: Fleet) -> None:
    fleet.settings = {"FRONTIER_LEASE_SECONDS": 10, "CONCURRENT_REQUESTS": 8, "CONCURRENT_REQUESTS_PER_DOMAIN": 4}
    with serve(Site(hosts=4, pages=120, documents=240), latency=100) as server:
        others = fleet.stand(2)
        doomed = fleet.start(server.url, arguments=ANYWHERE)
        until(doomed.has_sent)
        doomed.send(signal.SIGKILL)
        until(lambda: fleet.job()["state"] == "finished")
        for worker in others:
            worker.dismiss()
        check(fleet_without_leftovers(fleet), server)
        again = fetched(server) - expected(server)
        assert sum(again.values()) <= 2 * 8, "only what the dead worker held is fetched again"


def fleet_without_leftovers(fleet: Fleet) -> Fleet:
    """What a killed worker had staged stays until a later worker clears it."""
    for path in leftovers(fleet.data / "files"):
        path.unlink()
    return fleet
