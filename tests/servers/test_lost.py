"""A Redis that goes away for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

from bench.server import serve
from bench.site import Site
from tests.support import until

if TYPE_CHECKING:
    from tests.servers.conftest import Fleets, Servers

LOST = "Redis cannot be used: waiting for it"
BACK = "Redis can be used again"


def test_a_lost_redis_is_waited_for_with_one_line(servers: Servers, fleets: Fleets) -> None:
    redis = servers("appendfsync always")
    with serve(Site(hosts=2, pages=20, documents=40), latency=30) as server:
        fleet = fleets(redis.url, FRONTIER_LEASE_SECONDS=2, CONCURRENT_REQUESTS=4)
        worker = fleet.start(server.url, arguments={"scope": "any"})
        until(lambda: worker.has_sent(6))
        redis.kill()
        until(lambda: LOST in worker.output)
        before = len(worker.output.splitlines())
        cpu = _cpu(worker.process.pid)
        time.sleep(5)
        said = worker.output.splitlines()[before:]
        assert len([line for line in said if "Redis" in line]) == 0, said
        assert len(said) <= 2, said
        assert _cpu(worker.process.pid) - cpu < 1
        redis.start()
        worker.finish()
        assert (worker.output.count(LOST), worker.output.count(BACK)) == (1, 1)
        assert fleet.files() == set(server.site.expected().values())
    fleet.audit()


def _cpu(pid: int) -> float:
    """The seconds of CPU that a process has used."""
    return sum(psutil.Process(pid).cpu_times()[:2])
