"""What is leased first at a host."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pdfspider.exceptions import InvalidInput
from tests.frontier.rig import FREE, entry, on_one_server, pages

if TYPE_CHECKING:
    from pdfspider.frontier.leases import Lease
    from tests.frontier.rig import Rig, Worker


async def visit(worker: Worker, count: int) -> list[Lease]:
    """Visits one URL after the other."""
    visited = []
    for _ in range(count):
        lease = await worker.one()
        await worker.commit(lease)
        visited.append(lease)
    return visited


async def test_pages_come_by_priority_then_depth_then_arrival(rig: Rig) -> None:
    await rig.submit(
        "j",
        entry("http://a.test/late", priority=-128),
        entry("http://a.test/deep", depth=300),
        entry("http://a.test/first"),
        entry("http://a.test/second"),
        entry("http://a.test/urgent-and-deep", depth=9, priority=127),
        entry("http://a.test/urgent", priority=127),
    )
    assert [lease.entry.url.rpartition("/")[2] for lease in await visit(rig.worker(), 6) if lease.entry] == [
        "urgent",
        "urgent-and-deep",
        "first",
        "second",
        "deep",
        "late",
    ]


async def test_documents_come_before_pages(rig: Rig) -> None:
    documents = [entry(f"http://a.test/{i}.pdf", document=True, priority=-100, depth=9) for i in range(100)]
    await rig.submit("j", *pages(100, priority=100), *documents)
    leases = await visit(rig.worker(), 100)
    assert sum(lease.entry.document for lease in leases if lease.entry) == pytest.approx(75, abs=2)


@on_one_server
@pytest.mark.parametrize("jobs", [1, 2, 3, 4, 5])
async def test_pages_of_every_job_have_their_share_beside_documents(rig: Rig, jobs: int) -> None:
    for job in range(jobs):
        documents = [entry(f"http://a.test/{i}.pdf", document=True) for i in range(100)]
        await rig.submit(f"j{job}", *pages(100), *documents)
    leases = await visit(rig.worker(), 40 * jobs)
    shares = Counter(lease.run for lease in leases if lease.entry and not lease.entry.document)
    assert len(shares) == jobs
    assert all(8 <= share <= 12 for share in shares.values()), shares


async def test_the_jobs_of_a_host_take_turns(rig: Rig) -> None:
    big = await rig.submit("big", *[entry(f"http://a.test/{i}.pdf", document=True) for i in range(100)])
    worker = rig.worker()
    await visit(worker, 10)
    small = await rig.submit("small", *pages(5))
    runs = [lease.run for lease in await visit(worker, 10)]
    assert Counter(runs) == {big.run: 5, small.run: 5}
    assert all(a != b for a, b in pairwise(runs))


async def test_a_job_is_not_kept_waiting_by_many_that_have_nothing_ready(rig: Rig) -> None:
    worker = rig.worker()
    for i in range(40):
        await rig.submit(f"delayed{i}", entry("http://a.test/"))
        while not (leases := await worker.lease()):
            await rig.sleep(0.2, worker)
        await worker.release(leases[0], delay=600)
    ready = await rig.submit("ready", *pages(3))
    runs = []
    for _ in range(12):
        runs += [lease.run for lease in await worker.lease(1)]
        await rig.sleep(0.2, worker)
    assert runs == [ready.run] * 3


@pytest.mark.parametrize("url", ["no url", "http://a.test", "http://user@a.test/", "http://u:p@a.test/"])
async def test_a_url_that_is_not_normalised_is_refused(rig: Rig, url: str) -> None:
    with pytest.raises(InvalidInput, match="is not normalised"):
        await rig.submit("j", entry(url, host="a.test"))


async def test_urls_of_many_hosts_are_leased_in_one_call(rig: Rig) -> None:
    await rig.submit("j", *[entry(f"http://{i}.test/") for i in range(60)], options=FREE)
    assert len(await rig.worker().lease(50)) == 50
