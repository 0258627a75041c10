"""The crawl at its full size: ``pytest -m slow``."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from bench.content import huge_sha256
from bench.server import serve
from bench.site import Site
from tests.support import leftovers, until

if TYPE_CHECKING:
    from tests.support import Fleet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ANYWHERE = {"scope": "any"}
SITE = Site(hosts=16, pages=1600, documents=3200)
MIB = 1 << 20
GIB = 1 << 30


@pytest.mark.parametrize("workers", [1, 4])
def test_the_full_site(fleet: Fleet, workers: int) -> None:
    with serve(SITE) as server:
        started = time.monotonic()
        for _ in range(workers):
            fleet.start(server.url, arguments=ANYWHERE)
            time.sleep(1)
        for worker in fleet.workers:
            worker.finish(300)
        print(f"{workers} workers: {time.monotonic() - started:.1f} s", [len(w.starts()) for w in fleet.workers])
        fetched = Counter(entry.address + entry.path for entry in server.log())
        assert len(fetched) == 4816
        assert set(fetched.values()) == {1}
        assert fleet.files() == set(server.site.expected().values())
        assert len(fleet.files()) == 3200
    fleet.audit()
    assert fleet.job()["classes"] == {"document": 3200, "page": 1600}


def test_the_full_site_with_a_killed_worker(fleet: Fleet) -> None:
    with serve(SITE) as server:
        doomed = fleet.start(server.url, arguments=ANYWHERE, FRONTIER_LEASE_SECONDS=2)
        until(lambda: doomed.has_sent(200))
        others = [fleet.start(server.url, arguments=ANYWHERE, FRONTIER_LEASE_SECONDS=2) for _ in range(3)]
        until(lambda: len(fleet.status()["workers"]) == 4)
        doomed.send(signal.SIGKILL)
        for worker in others:
            worker.finish(300)
        for path in leftovers(fleet.data / "files"):
            path.unlink()
        assert fleet.files() == set(server.site.expected().values())
    fleet.audit()
    assert fleet.job()["classes"] == {"document": 3200, "page": 1600}


@pytest.mark.parametrize("count", [1, 4])
def test_documents_of_a_gigabyte(fleet: Fleet, count: int) -> None:
    with serve(Site(hosts=1, pages=1, documents=0)) as server:
        urls = [f"{server.url}huge.pdf?size={GIB - number}" for number in range(count)]
        started = time.monotonic()
        worker = fleet.start(*urls, FRONTIER_LEASE_SECONDS=5)
        peak = worker.watch_memory()
        print(f"{count} x 1 GiB: {time.monotonic() - started:.1f} s, peak {peak / MIB:.0f} MiB")
        assert worker.wait() == 0, worker.output
        assert peak < 150 * MIB
        assert fleet.files() == {huge_sha256(GIB - number) for number in range(count)}
        assert len(server.log()) == count + 1
    fleet.audit()
