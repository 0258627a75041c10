"""No host is asked more often than it allows, by the workers' own clocks and by the server's."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from bench.server import Server, serve
from bench.site import Site
from tests.support import Fleet, gaps

if TYPE_CHECKING:
    from collections.abc import Iterable

DELAY = 0.2


def closest_starts(fleet: Fleet) -> float:
    """The least time between two starts at one host, over all workers."""
    return closest((urlsplit(start.url).hostname or "", start.at) for start in fleet.starts())


def closest(events: Iterable[tuple[str, float]]) -> float:
    by_host = defaultdict(list)
    for host, at in events:
        by_host[host].append(at)
    return min(gap for times in by_host.values() for gap in gaps(times))


def all_was_told(fleet: Fleet, server: Server) -> bool:
    """Whether the workers told of every request that the server got: no other one was sent."""
    told = Counter(urlsplit(start.url)._replace(scheme="", fragment="").geturl() for start in fleet.starts())
    return told == Counter(f"//{entry.address}:{server.port}{entry.path}" for entry in server.log())


@pytest.mark.parametrize("cap", [1, 2])
def test_three_workers_keep_the_delay(fleet: Fleet, cap: int) -> None:
    with serve(Site(hosts=3, pages=12, documents=24), latency=10) as server:
        bounces = [f"{server.url}redirect?to={quote(f'/slow?ms=50&n={n}')}" for n in range(3)]
        hop = f"{server.url}redirect?to={quote(server.site.page_url(1).replace('127.0.0.1', '127.0.0.2'))}"
        settings = {"DOWNLOAD_DELAY": DELAY, "CONCURRENT_REQUESTS_PER_DOMAIN": cap, "CONCURRENT_REQUESTS": 1}
        standing = fleet.stand(2, **settings)
        fleet.crawl(server.url, *bounces, hop, arguments={"scope": "any"}, **settings)
        for worker in standing:
            worker.dismiss()
        assert sum(bool(worker.starts()) for worker in fleet.workers) > 1
        assert closest_starts(fleet) >= DELAY
        assert all_was_told(fleet, server)
        assert sum(entry.path == "/robots.txt" for entry in server.log()) == 3
        assert fleet.files() == set(server.site.expected().values())
    fleet.audit()


def test_the_crawl_delay_of_robots_txt_is_kept(fleet: Fleet) -> None:
    with serve(Site(hosts=1, pages=3, documents=1), crawl_delay=1) as server:
        fleet.crawl(server.url)
        first, second, *_ = fleet.starts()
        assert first.url.endswith("/robots.txt")
        assert second.at - first.at >= 1
        assert closest_starts(fleet) >= 1
        assert all_was_told(fleet, server)
        assert len(server.log()) == 5


def test_no_more_than_the_cap_in_flight(fleet: Fleet) -> None:
    with serve(Site(hosts=2, pages=20, documents=20), latency=80) as server:
        fleet.stand(2, CONCURRENT_REQUESTS_PER_DOMAIN=2)
        fleet.crawl(server.url, arguments={"scope": "any"}, CONCURRENT_REQUESTS_PER_DOMAIN=2)
        for address in server.site.addresses:
            log = [entry for entry in server.log() if entry.address == address]
            events = sorted([(entry.received, 1) for entry in log] + [(entry.ended or 0.0, -1) for entry in log])
            in_flight, most = 0, 0
            for _, change in events:
                in_flight += change
                most = max(most, in_flight)
            assert most == 2
