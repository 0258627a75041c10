"""The host gate: when a host may be asked, over all workers and jobs."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pdfspider.exceptions import LeaseLost
from pdfspider.frontier.entries import host_id
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import CommitRequest
from pdfspider.items import Outcome
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig, Worker

SLOW = JobOptions(delay=1000, cap=1, robots=0)
WIDE = JobOptions(delay=1000, cap=3, robots=0)


async def starts(rig: Rig, workers: list[Worker], seconds: float, step: float = 0.1) -> list[float]:
    """Times (s) at which fetches start while all workers lease all the time and each fetch takes one step."""
    found, begun = [], rig.clock.monotonic()
    while rig.clock.monotonic() < begun + seconds:
        for worker in workers:
            for lease in await worker.lease(4):
                worker.start(lease)
                found.append(lease.started_at - begun)
                if lease.report:
                    await worker.frontier.started(lease)
        await rig.sleep(step)
        for worker in workers:
            for lease in list(worker.held):
                await worker.commit(lease)
    return found


async def test_a_host_may_be_asked_within_a_millisecond_of_its_delay(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=SLOW)
    worker = rig.worker()
    rig.clock.advance(0.0003)
    lease = worker.start(await worker.one())
    await rig.sleep(0.6008)
    await worker.commit(lease)
    await rig.sleep(0.3992)
    assert not await worker.lease()
    await rig.sleep(0.001)
    assert await worker.lease()


async def test_the_cap_holds_over_all_workers(rig: Rig) -> None:
    await rig.submit("j", *pages(20), options=JobOptions(cap=3, robots=0))
    one, two = rig.worker("w1"), rig.worker("w2")
    leases = await one.lease(2) + await two.lease(9)
    assert len(leases) == 3
    assert await one.lease(9) == []
    await two.commit(leases[2])
    assert len(await one.lease(9)) == 1


@pytest.mark.parametrize("options", [SLOW, WIDE])
async def test_the_delay_holds_over_all_workers(rig: Rig, options: JobOptions) -> None:
    await rig.submit("j", *pages(50), options=options)
    times = await starts(rig, [rig.worker("w1"), rig.worker("w2"), rig.worker("w3")], 10)
    assert len(times) >= 9
    assert all(after - before >= 0.99 for before, after in pairwise(times))


async def test_hosts_do_not_wait_for_each_other(rig: Rig) -> None:
    await rig.submit("j", *[entry(f"http://{i}.test/") for i in range(40)], options=SLOW)
    assert len(await rig.worker().lease(40)) == 40


@pytest.mark.parametrize("jobs", [("fast", "slow"), ("slow", "fast"), ("fast", "slow", "fast2")])
async def test_the_larger_delay_and_the_smaller_cap_of_the_jobs_hold(rig: Rig, jobs: tuple[str, ...]) -> None:
    for job in jobs:
        delay, cap = (2000, 2) if job == "slow" else (100, 4)
        await rig.submit(job, *pages(20), options=JobOptions(delay=delay, cap=cap, robots=0))
    host = await rig.redis.hgetall(f"{{pdfs}}:host:{host_id('a.test')}")
    assert (host[b"delay"], host[b"cap"]) == (b"2000", b"2")
    times = await starts(rig, [rig.worker("w1"), rig.worker("w2")], 8)
    assert all(after - before >= 1.99 for before, after in pairwise(times))


async def test_the_last_url_of_a_slow_job_holds_the_gate_until_its_delay_has_passed(rig: Rig) -> None:
    worker = rig.worker()
    await rig.submit("slow", *pages(1), options=JobOptions(delay=5000, cap=1, robots=0))
    slow = worker.start(await worker.one())
    await rig.submit("fast", *pages(3, "a.test", document=True), options=JobOptions(cap=4, robots=0))
    assert await worker.lease(2) == []
    await worker.commit(slow)
    await rig.sleep(4.9, worker)
    assert await worker.lease(2) == []
    await rig.sleep(0.2, worker)
    assert len(await worker.lease(2)) == 2


async def test_the_smaller_cap_holds_while_a_lease_under_it_is_out(rig: Rig) -> None:
    worker = rig.worker()
    await rig.submit("narrow", *pages(1), options=JobOptions(cap=1, robots=0))
    narrow = await worker.one()
    await rig.submit("wide", *pages(9), options=JobOptions(cap=4, robots=0))
    assert await worker.lease(9) == []
    await worker.commit(narrow)
    assert len(await worker.lease(9)) == 4


async def test_what_a_job_asked_for_ends_with_its_work_at_the_host(rig: Rig) -> None:
    worker = rig.worker()
    await rig.submit("slow", *pages(1), options=JobOptions(delay=5000, cap=1, robots=0))
    await rig.submit("fast", *pages(9), options=JobOptions(cap=4, robots=0))
    await worker.commit(worker.start(await worker.one()))
    await rig.sleep(5.1, worker)
    assert len(await worker.lease(9)) == 4


async def test_a_job_that_asks_for_more_room_later_gets_it_at_once(rig: Rig) -> None:
    worker = rig.worker()
    await rig.submit("j", *pages(20), options=JobOptions(cap=4, robots=0))
    await worker.commit(worker.start(await worker.one()))
    await rig.submit("j", changes={"delay": 3000, "cap": 2})
    for _ in range(29):
        assert await worker.lease() == []
        await rig.sleep(0.1, worker)
    await rig.sleep(0.2, worker)
    assert len(await worker.lease(9)) == 1


async def test_a_start_may_be_leased_ahead_of_its_time(rig: Rig) -> None:
    await rig.submit("j", *pages(5), options=SLOW)
    worker = rig.worker(ahead=0.5)
    await worker.commit(worker.start(await worker.one()))
    grant = await worker.ask()
    assert grant.leases == []
    assert grant.wait == pytest.approx(0.5, abs=0.01)
    await rig.sleep(0.6, worker)
    lease = await worker.one()
    assert lease.starts_at - rig.clock.monotonic() == pytest.approx(0.4, abs=0.01)


async def test_with_a_cap_over_one_the_next_start_waits_for_the_report_of_the_last(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=WIDE)
    worker = rig.worker()
    first = await worker.one()
    assert first.report
    await rig.sleep(3, worker)
    assert await worker.lease() == []
    await worker.frontier.started(worker.start(first))
    assert await worker.lease() == []
    await rig.sleep(1, worker)
    assert len(await worker.lease()) == 1


async def test_a_start_that_never_was_frees_the_gate_when_its_lease_ends(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=WIDE)
    worker = rig.worker()
    await worker.release(await worker.one())
    await rig.sleep(1, worker)
    assert len(await worker.lease()) == 1


async def test_a_late_start_moves_the_next_one(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=SLOW)
    worker = rig.worker()
    lease = await worker.one()
    await rig.sleep(3, worker)
    await worker.commit(worker.start(lease))
    await rig.sleep(0.9, worker)
    assert await worker.lease() == []
    await rig.sleep(0.1, worker)
    assert len(await worker.lease()) == 1


async def test_a_further_request_waits_for_the_gate_too(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=SLOW)
    worker = rig.worker()
    lease = worker.start(await worker.one())
    await rig.sleep(0.3, worker)
    assert await worker.frontier.permit(lease) == pytest.approx(0.7, abs=0.01)
    await rig.sleep(0.75, worker)
    worker.start(lease)
    assert await worker.frontier.permit(lease) == pytest.approx(1, abs=0.01)
    await rig.sleep(1.1, worker)
    await worker.commit(worker.start(lease))
    await rig.sleep(0.95, worker)
    assert await worker.lease() == []
    await rig.sleep(0.1, worker)
    assert len(await worker.lease()) == 1


async def test_permits_of_many_leases_at_one_host_are_a_delay_apart(rig: Rig) -> None:
    options = JobOptions(delay=30_000, cap=8, robots=0)
    await rig.submit("j", *pages(9), options=options)
    worker = rig.worker(lease_seconds=600)
    leases = []
    for _ in range(5):
        lease = worker.start(await worker.one())
        await worker.frontier.started(lease)
        leases.append(lease)
        await rig.sleep(30, worker)
    waits = []
    for lease in leases:
        waits.append(await worker.frontier.permit(lease))
        await rig.sleep(waits[-1], worker)
        await worker.frontier.started(worker.start(lease))
    assert waits == pytest.approx([0, 30, 30, 30, 30], abs=0.1)


async def test_a_permit_waits_for_the_report_of_another_start(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=JobOptions(delay=1000, cap=3, robots=0))
    worker = rig.worker()
    first = worker.start(await worker.one())
    await worker.frontier.started(first)
    await rig.sleep(1, worker)
    late = await worker.one()
    asked = asyncio.create_task(worker.frontier.permit(first))
    await rig.sleep(1.5, worker)
    await asyncio.sleep(0.1)
    assert not asked.done()
    await worker.frontier.started(worker.start(late))
    assert await asked == pytest.approx(1, abs=0.01)


async def test_a_permit_does_not_wait_for_a_start_that_never_comes(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=JobOptions(delay=1000, cap=3, robots=0))
    worker = rig.worker()
    first = worker.start(await worker.one())
    await worker.frontier.started(first)
    await rig.sleep(1, worker)
    await worker.one()
    await rig.sleep(2.6, worker)
    assert await worker.frontier.permit(first) == 0


async def test_what_is_in_flight_is_counted_by_its_leases(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=FREE)
    worker = rig.worker()
    leases = await worker.lease(5)
    flight = f"{{pdfs}}:host:{host_id('a.test')}:flight"
    assert await rig.redis.smembers(flight) == {lease.token.encode() for lease in leases}
    for lease in leases[:3]:
        await worker.commit(lease)
    with pytest.raises(LeaseLost):
        await worker.frontier.commit(CommitRequest(leases[0], "p", dead=False))
    assert await rig.redis.scard(flight) == 2


@pytest.mark.parametrize("holds", [(60, 10), (10, 60)])
async def test_a_host_that_asked_for_rest_is_left_alone(rig: Rig, holds: tuple[int, int]) -> None:
    await rig.submit("j", *pages(9), options=FREE)
    worker = rig.worker()
    one, two = await worker.lease(2)
    one.hold, two.hold = holds
    await worker.release(one, delay=1)
    await worker.commit(two, Outcome.THROTTLED)
    await rig.sleep(59, worker)
    assert await worker.lease() == []
    await rig.sleep(1, worker)
    assert len(await worker.lease(2)) == 2


async def test_the_gate_outlives_an_idle_host_for_a_day(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=SLOW)
    worker = rig.worker()
    await worker.commit(worker.start(await worker.one()))
    key = f"{{pdfs}}:host:{host_id('a.test')}"
    assert 86_000 < await rig.redis.ttl(key) <= 86_400
    await rig.submit("j", *pages(2), options=SLOW)
    assert await rig.redis.ttl(key) == -1
    assert await worker.lease() == []


async def test_a_host_whose_last_url_is_tried_again_is_not_forgotten(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=SLOW)
    worker = rig.worker()
    await worker.release(await worker.one(), delay=5)
    assert await rig.redis.ttl(f"{{pdfs}}:host:{host_id('a.test')}") == -1
