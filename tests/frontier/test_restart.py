"""Restarts of Redis and jumps of its clock: what may have been forgotten is waited out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from pdfspider.exceptions import ForeignStoreError, LeaseLost
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import CommitRequest
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import FREE, Clock, Rig, Server, entry, pages, subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SLOW = JobOptions(delay=2000, robots=0)
HOUR = 3600


class DurableRig(Rig):
    server: Server

    async def restart(self) -> None:
        """Kills Redis and starts it on what it has written."""
        self.server.stop()
        self.server.start("--appendonly", "yes", "--appendfsync", "always")


@pytest_asyncio.fixture
async def durable(binary: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DurableRig]:
    clock = Clock().install(monkeypatch)
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:
        server = Server(binary, Path(directory))
        server.start("--appendonly", "yes", "--appendfsync", "always")
        redis = connect(server.url)
        rig = DurableRig(server.url, redis, clock, [redis])
        rig.server = server
        yield rig
        await audit(redis)
        await rig.close()
        server.stop()


async def test_a_page_that_was_leased_before_a_restart_is_visited_again(durable: DurableRig) -> None:
    rig = durable
    await rig.submit("j", *pages(3), seal=True)
    worker = rig.worker()
    page, document, again = await worker.lease(3)
    await rig.restart()
    with pytest.raises(LeaseLost):
        await worker.frontier.commit(CommitRequest(page, "p", dead=False))
    await worker.commit(document, Outcome.DOCUMENT)
    await worker.release(page)
    await rig.sleep(31, worker)
    (page,) = await worker.lease(2)
    await worker.commit(page)
    await worker.release(again)
    await worker.work()
    assert (await rig.status("j"))["classes"] == {"page": 2, "document": 1}


async def test_what_a_worker_knew_is_forgotten_after_a_restart(durable: DurableRig) -> None:
    rig = durable
    run = (await rig.submit("j", *pages(2))).run
    worker = rig.worker()
    lease, _ = await worker.lease(2)
    await worker.commit(lease, Outcome.PAGE, entry("http://a.test/x"))
    assert worker.frontier.seen_cache.urls(run)
    await rig.restart()
    await worker.lease(0)
    assert not worker.frontier.seen_cache.urls(run)


async def test_nothing_is_leased_for_one_lease_period_after_a_restart(durable: DurableRig) -> None:
    rig = durable
    await rig.submit("j", *pages(9))
    one, two = rig.worker("w1"), rig.worker("w2")
    held = await one.lease(2)
    await rig.restart()
    assert (await two.ask(9)).wait == 30
    await rig.sleep(29, one)
    assert await two.lease(9) == []
    await rig.sleep(1.5, one)
    assert len(await two.lease(9)) == 6
    for lease in held:
        await one.release(lease)


async def test_a_worker_is_not_given_up_for_the_time_that_redis_was_away(durable: DurableRig) -> None:
    rig = durable
    await rig.submit("j", *pages(2))
    one = rig.worker("w1")
    await one.lease(2)
    rig.clock.advance(120)
    await rig.restart()
    await rig.sweep()
    assert await one.frontier.renew()
    assert (await rig.status("j"))["leased"] == 2


async def test_a_worker_that_died_with_redis_is_given_up_one_lease_period_later(durable: DurableRig) -> None:
    rig = durable
    await rig.submit("j", *pages(2))
    await rig.worker("w1").lease(2)
    rig.clock.advance(120)
    await rig.restart()
    await rig.expire(seconds=29)
    assert (await rig.status("j"))["leased"] == 2
    await rig.expire(seconds=4)
    assert (await rig.status("j"))["leased"] == 0
    assert len(await rig.worker("w2").lease(2)) == 2


async def test_who_is_alone_waits_for_nobody(durable: DurableRig) -> None:
    rig = durable
    await rig.submit("j", *pages(3))
    await rig.worker("w1").lease(2)
    await rig.restart()
    alone = rig.worker("w2", alone=True)
    await rig.submit("j", *pages(4))
    assert len(await alone.lease(9)) == 2
    await rig.sweep()
    assert len(await alone.lease(9)) == 2
    other = rig.worker("w3")
    await rig.submit("j", *pages(6))
    assert len(await other.lease(9)) == 2
    assert await alone.frontier.renew()


async def test_who_began_alone_gives_up_nobody_who_came_later(rig: Rig) -> None:
    await rig.submit("j", *pages(3))
    await rig.worker("dead").lease()
    await rig.sleep(1)
    first = rig.worker("w1", alone=True)
    await rig.sleep(1)
    second = rig.worker("w2")
    held = await second.one()
    assert len(await first.lease()) == 1
    await rig.sweep()
    await second.commit(held)
    assert (await rig.status("j"))["queued"] == 1


async def test_no_host_is_asked_after_a_restart_before_its_delay_has_passed(durable: DurableRig) -> None:
    rig = durable
    await rig.submit("j", *pages(9), *pages(9, "b.test"), options=SLOW)
    worker = rig.worker("w1")
    await worker.commit(await worker.one())
    await worker.frontier.leave()
    rig.clock.advance(60)
    await rig.restart()
    worker = rig.worker("w2", alone=True)
    assert await worker.lease(9) == []
    await rig.sleep(2, worker)
    assert len(await worker.lease(9)) == 2


async def test_the_clock_that_jumps_ahead_opens_no_host_and_ends_no_lease(rig: Rig) -> None:
    await rig.submit("j", *pages(9), *pages(9, "b.test"), options=SLOW)
    one, two = rig.worker("w1"), rig.worker("w2")
    held = one.start(await one.one())
    rig.clock.step(HOUR)
    await rig.sweep()
    assert await one.frontier.renew()
    assert await two.lease(9) == []
    await rig.sleep(1.9, one)
    assert await two.lease(9) == []
    await rig.sleep(0.2, one)
    assert len(await two.lease(9)) == 1
    await one.commit(held)
    assert (await rig.status("j"))["done"] == 1


async def test_the_clock_that_jumps_ahead_gives_up_dead_workers_one_lease_period_later(rig: Rig) -> None:
    await rig.submit("j", *pages(2))
    await rig.worker("w1").lease(2)
    rig.clock.step(HOUR)
    await rig.expire(seconds=29)
    assert (await rig.status("j"))["leased"] == 2
    await rig.expire(seconds=4)
    assert (await rig.status("j"))["leased"] == 0


@pytest.mark.parametrize("step", [-6, -HOUR, -10_000 * HOUR])
async def test_the_clock_that_jumps_back_keeps_nothing_waiting_for_it(rig: Rig, step: float) -> None:
    await rig.submit("j", *pages(9), *pages(1, "b.test"), *pages(1, "c.test"), options=SLOW)
    one, two = rig.worker("w1"), rig.worker("w2")
    a, b, c = sorted(await one.lease(9), key=subject)
    for lease in (a, b, c):
        one.start(lease)
    await one.release(b, delay=10)
    c.hold = 20
    await one.release(c)
    rig.clock.step(step)
    assert (await two.ask()).leases == []
    assert await one.frontier.renew()
    await one.commit(a)
    await rig.sleep(1.9, one)
    assert await two.lease(9) == []
    await rig.sleep(0.2, one)
    assert len(await two.lease(9)) == 1
    await rig.sleep(8, one, two)
    assert len(await two.lease(9)) == 1
    await rig.sleep(10, one, two)
    assert len(await two.lease(9)) == 1
    await rig.expire()
    status = await rig.status("j")
    assert (status["leased"], status["queued"] + status["delayed"], status["done"]) == (0, 10, 1)


async def test_tokens_grow_though_the_clock_jumps_back(rig: Rig) -> None:
    await rig.submit("j", *pages(4))
    worker = rig.worker()
    old = (await worker.one()).token
    rig.clock.step(-HOUR)
    new = (await worker.one()).token
    assert new > old
    rig.clock.step(-4)
    await rig.sleep(4, worker)
    assert (await worker.lease(2))[0].token > new


async def test_a_clock_that_is_corrected_twice_stops_nothing(rig: Rig) -> None:
    await rig.submit("j", *pages(6), options=SLOW)
    worker = rig.worker()
    for step in (-HOUR, HOUR, HOUR, -2 * HOUR, 0):
        rig.clock.step(step)
        await worker.ask()
        await rig.sleep(2.1, worker)
        while worker.held:
            await worker.commit(worker.start(worker.held[0]))
        await rig.sleep(2.1, worker)
        await worker.ask()
        assert len(worker.held) == 1


async def test_another_store_or_database_is_refused(rig: Rig) -> None:
    one, two = rig.worker("w1").frontier, rig.worker("w2").frontier
    await one.check_identity("store", "s1", "the store A")
    await one.check_identity("database", "d1", "the database A")
    await two.check_identity("store", "s1", "the store A")
    with pytest.raises(ForeignStoreError, match=r"the database B .*d2.*d1"):
        await two.check_identity("database", "d2", "the database B")


async def test_a_frontier_that_was_emptied_gives_up_its_workers(rig: Rig) -> None:
    await rig.submit("j", *pages(2))
    worker = rig.worker()
    held = await worker.lease(2)
    await rig.redis.flushall()
    assert not await worker.frontier.renew()
    assert await worker.lease() == []
    with pytest.raises(LeaseLost):
        await worker.commit(held[0])
    worker.held.clear()
    await rig.submit("j", *pages(2))
    assert len(await worker.lease(2)) == 2


async def test_the_clock_is_rediss_own_unless_it_is_given(rig: Rig) -> None:
    redis = connect(rig.url)
    frontier = Frontier(redis, worker="w", ahead=0)
    await frontier.submit("j", pages(1), options=FREE)
    seconds, _ = await redis.time()
    assert abs((await frontier.run_of("j")) / 1000 - seconds) < 60
    await redis.aclose()
    await rig.redis.flushall()
