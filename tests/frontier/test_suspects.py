"""URLs whose workers died: leased alone, and at last ended as poison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdfspider.frontier.leases import LeaseKind
from pdfspider.items import Outcome
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig


async def test_a_url_that_expired_twice_is_leased_alone(rig: Rig) -> None:
    await rig.submit("j", *pages(1), *pages(20, "b.test"))
    for i in range(2):
        crashing = rig.worker(f"crashing{i}")
        assert len(await crashing.lease(64)) == 9
        await rig.expire()
    await rig.submit("j", *pages(5, "c.test"))
    one, two = rig.worker("w1"), rig.worker("w2")
    assert len(await one.lease(2)) == 2
    await two.ask(0)
    grant = await one.ask(10)
    assert (grant.drain, grant.leases, grant.wait) == (True, [], None)
    assert not (await two.ask(1, held=1)).drain, "one worker is asked at a time"
    for lease in list(one.held):
        await one.commit(lease)
    grant = await one.ask(10)
    assert len(grant.leases) == 1
    assert grant.leases[0].expiries == 2
    assert (await one.ask(10)).leases == [], "nothing comes beside it"
    await one.commit(grant.leases[0])
    assert len(await one.lease(10)) == 1, "the next suspect"


async def test_suspects_end_one_by_one_and_all_the_rest_is_served(rig: Rig) -> None:
    await rig.submit("j", *pages(3), *pages(3, "b.test"), seal=True)
    for i in range(2):
        await rig.worker(f"crashing{i}").lease(64)
        await rig.expire()
    one, two = rig.worker("w1"), rig.worker("w2")
    for _ in range(60):
        for worker in (one, two):
            leases = await worker.lease(1)
            assert len(worker.held) == len(leases)
            for lease in leases:
                await worker.commit(lease)
        await rig.sleep(0.5)
    assert (await rig.status("j"))["state"] == "finished"


async def test_a_suspect_that_is_given_back_is_leased_alone_again(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    for i in range(2):
        await rig.worker(f"crashing{i}").lease()
        await rig.expire()
    worker = rig.worker()
    await worker.lease()
    await worker.release(await worker.one(), delay=3)
    await rig.submit("j", *pages(9, "b.test"))
    await rig.sleep(3)
    leases = await worker.lease(2)
    assert not any(lease.expiries for lease in leases)
    while worker.held:
        await worker.commit(worker.held[0])
    assert [lease.expiries for lease in await worker.lease(9)] == [2]


async def test_robots_come_before_a_suspect(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=FREE)
    for i in range(2):
        await rig.worker(f"crashing{i}").lease()
        await rig.expire()
    worker = rig.worker()
    assert await worker.lease() == []
    await rig.submit("j", changes={"robots": 1})
    kinds = []
    for _ in range(4):
        for lease in await worker.lease():
            kinds.append(lease.kind)
            await (worker.commit_robots(lease) if lease.kind is LeaseKind.ROBOTS else worker.commit(lease))
    assert kinds == [LeaseKind.ROBOTS, LeaseKind.URL]


@pytest.mark.parametrize("ending", ["pause", "cancel"])
async def test_a_suspect_of_a_job_that_does_not_run_keeps_nobody_waiting(rig: Rig, ending: str) -> None:
    await rig.submit("j", *pages(1), seal=True)
    for i in range(2):
        await rig.worker(f"crashing{i}").lease()
        await rig.expire()
    await rig.submit("k", *pages(9, "b.test"))
    worker = rig.worker()
    await worker.lease(4)
    assert (await worker.ask()).drain
    await rig.control("j", ending)
    await rig.sweep()
    assert not (await worker.ask()).drain
    assert (await rig.status("j"))["state"] == {"pause": "paused", "cancel": "cancelled"}[ending]


async def test_a_url_that_crashes_every_worker_ends_as_poison_and_its_neighbours_do_not(rig: Rig) -> None:
    await rig.submit("j", entry("http://poison.test/"), *pages(6), *pages(6, "b.test"), seal=True)
    crashes, verdicts = 0, []
    worker = rig.worker("w0")
    for _ in range(300):
        leases = await worker.lease(4)
        if any(lease.kind is LeaseKind.URL and lease.entry and "poison" in lease.entry.url for lease in leases):
            crashes += 1
            await rig.expire()
            worker = rig.worker(f"w{crashes}")
            continue
        for lease in leases:
            verdicts.append(lease.verdict)
            await worker.commit(lease, Outcome.POISON if lease.verdict else Outcome.PAGE)
        await rig.sleep(0.3)
    status = await rig.status("j")
    assert crashes == 4
    assert verdicts.count("P") == 1
    assert (status["state"], status["classes"], status["dead"]) == ("finished", {"page": 12, "poison": 1}, 1)


async def test_few_allowed_deliveries_do_not_condemn_neighbours(rig: Rig) -> None:
    await rig.submit("j", *pages(4))
    for i in range(2):
        await rig.worker(f"crashing{i}").lease(9)
        await rig.sleep(31)
        await rig.sweep(max_deliveries=1)
    worker = rig.worker()
    await worker.lease()
    assert (await worker.one()).kind is LeaseKind.URL


async def test_a_verdict_that_expires_is_no_try(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=FREE.__class__(robots=0, cap=8, max_pages=1))
    worker = rig.worker()
    await worker.commit(await worker.one())
    for i in range(6):
        (verdict,) = await rig.worker(f"crashing{i}").lease(9)
        assert (verdict.kind, verdict.verdict, verdict.expiries) == (LeaseKind.VERDICT, "B", 0)
        await rig.expire()


async def test_a_worker_that_asked_for_nothing_else_takes_a_suspect_without_being_asked(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    for i in range(2):
        await rig.worker(f"crashing{i}").lease()
        await rig.expire()
    await rig.submit("j", *pages(9, "b.test"))
    busy, idle = rig.worker("w1"), rig.worker("w2")
    await busy.lease(2)
    assert (await busy.ask()).drain
    assert [lease.expiries for lease in await idle.lease(9)] == [2]
    grant = await idle.ask(9)
    assert (grant.drain, grant.leases) == (True, [])
    await idle.commit(idle.held[0])
    assert len(await idle.lease(9)) == 6
