"""Hosts that throttle, fail or are slow, as real workers treat them together."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.crawl.hostile import HTML, Hostile, Request, hostile, page, reply
from tests.support import gaps

if TYPE_CHECKING:
    from tests.support import Fleet

BUSY = reply(b"", HTML, status="429 Too Many Requests")
FAILED = reply(b"", HTML, status="500 Oops")


class Moody:
    """Answers badly to the first requests for pages, then with a page; robots.txt is not there."""

    def __init__(self, bad: bytes, times: int) -> None:
        self.bad, self.times, self.given = bad, times, 0

    def __call__(self, request: Request) -> None:
        self.given += 1
        request.send(self.bad if self.given <= self.times else page())


def asked(server: Hostile) -> list[float]:
    """When the pages were asked for."""
    return [seen.at for seen in server.seen if seen.path != "/robots.txt"]


def together(fleet: Fleet, *urls: str, **settings: object) -> None:
    for worker in [fleet.start(*urls, **settings) for _ in range(2)]:
        worker.finish()


def test_a_host_that_throttles_is_left_alone_for_longer_and_longer_and_loses_no_url(fleet: Fleet) -> None:
    paths = [f"/{i}" for i in range(4)]
    with hostile(dict.fromkeys(paths, Moody(BUSY, 4)), hosts=1) as server:
        together(fleet, *map(server.url, paths), FRONTIER_BACKOFF=0.2, RETRY_TIMES=1, CONCURRENT_REQUESTS_PER_DOMAIN=1)
        waits = list(gaps(asked(server)))
    assert len(waits) == 7
    assert all(wait >= rest - 0.05 for wait, rest in zip(waits, (0.2, 0.4, 0.8, 1.6), strict=False))
    assert set(fleet.outcomes().values()) == {"page"}
    fleet.audit()


def test_a_host_that_throttles_for_ever_comes_to_its_end(fleet: Fleet) -> None:
    with hostile({"/": BUSY}, hosts=1) as server:
        fleet.crawl(server.url(), FRONTIER_BACKOFF=0.1, FRONTIER_BACKOFF_MAX=0.3, RETRY_TIMES=2)
        # Counted at first and once the back-off grows no more: 0.1 and 0.2 s are given on top.
        assert len(asked(server)) == 5
    assert set(fleet.outcomes().values()) == {"throttled"}
    fleet.audit()


def test_the_urls_of_a_host_that_never_works_end_with_it(fleet: Fleet) -> None:
    def drop(request: Request) -> None:
        request.close = True

    settings = {"FRONTIER_BREAKER_FAILURES": 3, "FRONTIER_BREAKER_SECONDS": 0.3, "FRONTIER_BREAKER_OPENINGS": 2}
    paths = [f"/{i}" for i in range(60)]
    answers = dict.fromkeys([*paths, "/robots.txt"], drop)
    with hostile(answers, hosts=1) as dead, hostile({"/": page()}, hosts=2) as working:
        well = working.url(host=2)
        together(fleet, *map(dead.url, paths), well, **settings)
        # Failures and probes; one of its robots.txt fails the URLs that wait for it as well.
        assert 2 <= len(dead.seen) <= 3 + 2
    found = fleet.outcomes()
    assert found.pop(well) == "page"
    classes = Counter(found.values())
    assert set(classes) <= {"host-down", "connection-error"}
    assert classes["host-down"] >= 50
    assert fleet.job()["state"] == "finished"
    assert fleet.status()["hosts"]["breakers_open"] == 1
    fleet.audit()


def test_no_url_of_a_host_is_tried_whose_robots_txt_already_fails(fleet: Fleet) -> None:
    settings = {"FRONTIER_BREAKER_FAILURES": 1, "FRONTIER_BREAKER_SECONDS": 1, "FRONTIER_BREAKER_OPENINGS": 1}
    with hostile({"/robots.txt": FAILED}, hosts=1) as server:
        fleet.crawl(*(server.url(f"/{i}") for i in range(20)), RETRY_TIMES=0, **settings)
        assert server.paths() == ["/robots.txt"] * 2
    assert list(fleet.outcomes().values()) == ["host-down"] * 20
    fleet.audit()


def test_a_host_that_works_again_gets_all_its_urls(fleet: Fleet) -> None:
    settings = {"FRONTIER_BREAKER_FAILURES": 3, "FRONTIER_BREAKER_SECONDS": 0.5, "RETRY_TIMES": 2}
    paths = [f"/{i}" for i in range(20)]
    with hostile(dict.fromkeys(paths, Moody(FAILED, 4)), hosts=1) as server:
        together(fleet, *map(server.url, paths), CONCURRENT_REQUESTS_PER_DOMAIN=1, **settings)
        waits = list(gaps(asked(server)))
    assert waits[2] >= 0.45
    assert waits[3] >= 0.95
    assert set(fleet.outcomes().values()) == {"page"}
    assert fleet.status()["hosts"]["breakers_open"] == 0
    fleet.audit()


def test_the_delay_follows_the_latency(fleet: Fleet) -> None:
    def slowly(request: Request) -> None:
        time.sleep(0.2)
        request.send(page())

    settings = {"AUTOTHROTTLE_ENABLED": 1, "AUTOTHROTTLE_START_DELAY": 0, "AUTOTHROTTLE_TARGET_CONCURRENCY": 0.4}
    paths = [f"/{i}" for i in range(6)]
    with hostile(dict.fromkeys(paths, slowly), hosts=1) as server:
        together(fleet, *map(server.url, paths), CONCURRENT_REQUESTS_PER_DOMAIN=1, **settings)
        waits = list(gaps(asked(server)))
    assert len(waits) == 5
    assert all(wait >= 0.45 for wait in waits), waits
    fleet.audit()
