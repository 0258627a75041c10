"""A Redis that is full: workers wait and say so; nothing is dropped, nothing is fetched for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from bench.server import serve
from bench.site import Site
from tests.support import until

if TYPE_CHECKING:
    from tests.servers.conftest import Fleets, Servers
    from tests.servers.processes import RedisProcess
    from tests.support import Worker

FULL = "Redis is out of memory"
ROOM = "There is room in Redis again"


def fill(redis: RedisProcess, share: float) -> None:
    """Sets ``maxmemory`` so that this share of it is used."""
    redis.call("CONFIG", "SET", "maxmemory", int(redis.call("INFO", "memory")["used_memory"] / share))


def test_leasing_stops_and_goes_on(servers: Servers, fleets: Fleets) -> None:
    redis = servers()
    with serve(Site(hosts=2, pages=20, documents=40), latency=200) as server:
        fleet = fleets(redis.url, CONCURRENT_REQUESTS=4)
        worker = fleet.start(server.url, arguments={"scope": "any"})
        until(lambda: worker.has_sent(6))
        fill(redis, 0.95)
        until(lambda: FULL in worker.output)
        until(lambda: fleet.job()["leased"] == 0)
        sent, job = len(worker.starts()), fleet.job()
        assert job["queued"] > 0
        time.sleep(1)
        assert (len(worker.starts()), fleet.job()) == (sent, job)
        redis.call("CONFIG", "SET", "maxmemory", 0)
        fetched_once(worker.finish())
        assert (worker.output.count(FULL), worker.output.count(ROOM)) == (1, 1)
        assert fleet.files() == set(server.site.expected().values())
    fleet.audit()


def test_what_is_out_may_end_without_any_memory(servers: Servers, fleets: Fleets) -> None:
    redis = servers()
    with serve(Site(hosts=2, pages=20, documents=40), latency=300) as server:
        fleet = fleets(redis.url, CONCURRENT_REQUESTS=8, FRONTIER_LEASE_SECONDS=2)
        worker = fleet.start(server.url, arguments={"scope": "any"})
        until(lambda: worker.has_sent(8))
        fill(redis, 2)
        until(lambda: FULL in worker.output)
        until(lambda: fleet.job()["leased"] == 0)
        time.sleep(3)  # longer than a lease: the worker has stayed known
        assert "given up" not in worker.output
        redis.call("CONFIG", "SET", "maxmemory", 0)
        fetched_once(worker.finish())
        assert fleet.files() == set(server.site.expected().values())
    fleet.audit()


def test_start_urls_wait_for_room(servers: Servers, fleets: Fleets) -> None:
    redis = servers()
    with serve(Site(hosts=1, pages=1, documents=1)) as server:
        fleet = fleets(redis.url)
        (worker,) = fleet.stand(1)
        fleet.push(server.site.document_url(0))
        until(lambda: fleet.done() == 1)
        fill(redis, 2)
        until(lambda: FULL in worker.output)
        redis.call("CONFIG", "SET", "maxmemory", 0)
        fleet.push(server.url)
        fill(redis, 2)
        time.sleep(1)
        redis.call("CONFIG", "SET", "maxmemory", 0)
        until(lambda: fleet.done() == 2)
        worker.dismiss()
        assert fleet.rejected() == []
    fleet.audit()


def test_nothing_can_be_submitted_without_memory(servers: Servers, fleets: Fleets) -> None:
    redis = servers()
    fill(redis, 2)
    worker = fleets(redis.url).start("http://127.0.0.1:1/")
    assert worker.wait() != 0
    assert "maxmemory" in worker.output
    assert "Traceback" not in worker.output


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_redis_that_may_drop_keys_is_refused(servers: Servers, fleets: Fleets, policy: str) -> None:
    worker = fleets(servers(f"maxmemory-policy {policy}").url).start("http://127.0.0.1:1/")
    assert worker.wait() != 0
    assert f"may drop URLs: its maxmemory-policy is {policy}, not noeviction" in worker.output
    assert "Traceback" not in worker.output


def fetched_once(worker: Worker) -> None:
    urls = [start.url for start in worker.starts()]
    assert len(set(urls)) == len(urls)
