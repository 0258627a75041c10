"""The state of the whole fleet: totals that never fall, and how many workers could lease."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pdfspider.frontier.reports.fleet import ReadyWork, read_fleet
from pdfspider.items import Outcome
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from pdfspider.frontier.reports.fleet import Fleet
    from tests.frontier.rig import Rig


async def fleet(rig: Rig, concurrency: int = 4) -> Fleet:
    return await read_fleet(rig.redis, "pdfs:start_urls", concurrency, rig.clock.redis_us // 1000)


async def test_totals_stay_when_their_runs_are_gone(rig: Rig) -> None:
    short = replace(FREE, retention=1000)
    await rig.submit("j", *pages(3), seal=True, options=short)
    worker = rig.worker()
    one, two, three = await worker.lease(3)
    await worker.commit(one, Outcome.DOCUMENT, size=700)
    await worker.release(two, delay=1, counted=True, code=Outcome.TIMEOUT.code)
    await worker.commit(three, Outcome.NOT_FOUND)
    during = await fleet(rig)
    assert during.urls == {"queued": 0, "delayed": 1, "leased": 0}
    assert during.jobs["running"] == 1
    await rig.sleep(1, worker)
    await worker.work(Outcome.TIMEOUT)
    assert (await fleet(rig)).jobs == {"running": 0, "paused": 0, "cancelling": 0, "finished": 1, "cancelled": 0}
    await rig.sleep(2, worker)
    await rig.sweep()
    after = await fleet(rig)
    assert sum(after.jobs.values()) == 0, "the run is gone"
    assert {name: n for name, n in after.ended.items() if n} == {"document": 1, "not-found": 1, "timeout": 1}
    assert {name: n for name, n in after.retried.items() if n} == {"timeout": 1}
    assert after.stored == 700


async def test_what_is_tried_again_after_its_end_takes_nothing_from_a_total(rig: Rig) -> None:
    await rig.submit("j", *pages(1), seal=True)
    worker = rig.worker()
    await worker.work(Outcome.TIMEOUT)
    await rig.submit("j", *pages(1), revive={Outcome.TIMEOUT.code: "dead"})
    assert (await fleet(rig)).ended["timeout"] == 1
    assert (await fleet(rig)).jobs["running"] == 1
    await worker.work(Outcome.TIMEOUT)
    assert (await fleet(rig)).ended["timeout"] == 2


async def test_the_states_of_jobs_are_counted(rig: Rig) -> None:
    await rig.submit("p", *pages(2))
    await rig.submit("c", *pages(2, "b.test"))
    await rig.control("p", "pause")
    await rig.control("c", "cancel")
    jobs = (await fleet(rig)).jobs
    assert (jobs["running"], jobs["paused"], jobs["cancelling"]) == (0, 1, 1)
    await rig.sweep()
    after = await fleet(rig)
    assert (after.jobs["cancelling"], after.jobs["cancelled"]) == (0, 1)
    assert after.ended["cancelled"] == 2


async def test_leases_that_expire_are_counted(rig: Rig) -> None:
    await rig.submit("j", *pages(3))
    await rig.worker("dead").lease(2)
    await rig.expire()
    found = await fleet(rig)
    assert found.expired == 2
    assert found.urls == {"queued": 3, "delayed": 0, "leased": 0}


async def test_messages_and_totals_of_another_type_stop_nothing(rig: Rig) -> None:
    await rig.submit("j", *pages(1), seal=True)
    await rig.redis.delete("{pdfs}:totals")
    await rig.redis.set("{pdfs}:totals", "a string")
    assert await rig.worker().work() == ["http://a.test/0"]
    assert (await rig.status("j"))["state"] == "finished"
    await rig.redis.delete("{pdfs}:totals")
    await rig.redis.hset("{pdfs}:totals", "jobs:finished", 1)


@pytest.mark.parametrize(
    ("hosts", "soon", "leased", "wanted"),
    [(0, 0, 0, 0), (0, 1, 0, 1), (1, 0, 0, 1), (32, 0, 0, 1), (33, 0, 0, 2), (90, 5, 70, 5), (0, 0, 1, 1)],
)
def test_workers_are_wanted_for_hosts_that_may_be_asked(hosts: int, soon: int, leased: int, wanted: int) -> None:
    assert ReadyWork(hosts, soon, leased).workers(32) == wanted


async def test_one_polite_host_wants_one_worker_however_long_its_queue_is(rig: Rig) -> None:
    assert (await fleet(rig)).workers_wanted == 0
    await rig.submit("j", *pages(500), options=replace(FREE, cap=1, delay=5000))
    assert (await fleet(rig)).workers_wanted == 1
    worker = rig.worker()
    lease = await worker.one()
    worker.start(lease)
    await worker.commit(lease)
    await rig.sleep(2, worker)
    found = await fleet(rig)
    assert (found.workers_wanted, found.urls["queued"]) == (1, 499), "its next start is near"


async def test_many_hosts_want_many_workers(rig: Rig) -> None:
    await rig.submit("j", *(entry(f"http://h{i}.test/") for i in range(20)))
    await rig.sleep(3)
    found = await fleet(rig, concurrency=4)
    assert found.workers_wanted == 5
    assert found.oldest_ready == 3
    leases = await rig.worker().lease(12)
    assert len(leases) == 12
    assert (await fleet(rig, concurrency=4)).workers_wanted == 5, "what is leased keeps workers busy"


async def test_what_begins_much_later_wants_no_worker(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    worker = rig.worker()
    await worker.release(await worker.one(), delay=3600, counted=True)
    assert await worker.lease() == []
    await worker.frontier.leave()
    assert (await fleet(rig)).workers_wanted == 0
    await rig.sleep(3590)
    assert (await fleet(rig)).workers_wanted == 1


async def test_start_urls_want_a_worker(rig: Rig) -> None:
    await rig.redis.lpush("pdfs:start_urls", "http://a.test/")
    assert (await fleet(rig)).workers_wanted == 1
    await rig.redis.delete("pdfs:start_urls")
