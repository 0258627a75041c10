"""Breakers: hosts that fail again and again are left alone, probed, and given up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pdfspider.frontier.entries import host_id
from pdfspider.frontier.gates import HostSignal
from pdfspider.frontier.jobs import JobOptions
from pdfspider.items import Outcome
from tests.frontier.host_answers import (
    GATES,
    NO_BREAKER,
    ONE,
    answer,
    breakers_open,
    end,
    forget_robots,
    opens_after,
    trouble,
)
from tests.frontier.rig import pages, subject
from tests.frontier.test_restart import durable

if TYPE_CHECKING:
    from tests.frontier.rig import Rig, Worker
    from tests.frontier.test_restart import DurableRig

__all__ = ["durable"]


async def break_host(rig: Rig, worker: Worker, failures: int = 3) -> None:
    for _ in range(failures):
        await answer(rig, worker, HostSignal.DOWN)


async def test_failures_in_a_row_over_all_workers_open_the_breaker(rig: Rig) -> None:
    await rig.submit("j", *pages(20))
    one, two = rig.worker("w1", gates=GATES), rig.worker("w2", gates=GATES)
    await answer(rig, one, HostSignal.DOWN)
    await answer(rig, two, HostSignal.DOWN)
    assert await breakers_open(one) == 0
    await answer(rig, one, HostSignal.DOWN)
    assert await breakers_open(one) == 1
    await rig.sleep(59.9, one, two)
    assert await one.lease(9) + await two.lease(9) == []
    await rig.sleep(0.1, one, two)
    assert len(await one.lease(9)) == 1


async def test_a_success_in_between_keeps_the_breaker_closed(rig: Rig) -> None:
    await rig.submit("j", *pages(20))
    worker = rig.worker(gates=GATES)
    for shown in (HostSignal.DOWN, HostSignal.DOWN, HostSignal.OK, HostSignal.DOWN, HostSignal.DOWN):
        await answer(rig, worker, shown)
    assert len(await worker.lease(8)) == 8


async def test_busy_answers_count_as_failures_too(rig: Rig) -> None:
    await rig.submit("j", *pages(20))
    worker = rig.worker(gates=GATES)
    for rest in (5, 10):
        await answer(rig, worker, HostSignal.BUSY)
        await rig.sleep(rest, worker)
    await answer(rig, worker, HostSignal.BUSY)
    assert await breakers_open(worker) == 1


async def test_a_half_open_breaker_lets_one_through_and_closes_on_its_success(rig: Rig) -> None:
    await rig.submit("j", *pages(20))
    one, two = rig.worker("w1", gates=GATES), rig.worker("w2", gates=GATES)
    await break_host(rig, one)
    assert await two.lease(9) == []
    await rig.sleep(60, one, two)
    (probe,) = await one.lease(9)
    await rig.sleep(10, one, two)
    assert await one.lease(9) + await two.lease(9) == []
    await end(one, probe, HostSignal.OK)
    assert await breakers_open(one) == 0
    assert await trouble(rig) is None
    assert len(await two.lease(9)) == 8


async def test_a_probe_that_ends_without_a_sign_is_followed_by_another(rig: Rig) -> None:
    await rig.submit("j", *pages(20))
    dead, alive = rig.worker("dead", gates=GATES), rig.worker("alive", gates=GATES)
    await break_host(rig, alive)
    await rig.sleep(60, alive)
    await alive.release(await alive.one())
    assert len(await dead.lease(9)) == 1
    await rig.expire(alive)
    assert len(await alive.lease(9)) == 1


async def test_failures_of_what_was_on_its_way_do_not_count_as_probes(rig: Rig) -> None:
    await rig.submit("j", *pages(20))
    worker = rig.worker(gates=GATES)
    leases = await worker.lease(8)
    await rig.sleep(0.1, worker)
    for lease in leases:
        await end(worker, lease, HostSignal.DOWN)
    await opens_after(rig, worker, 60)
    assert len(await worker.lease(9)) == 1


async def test_a_failed_probe_opens_the_breaker_for_twice_as_long(rig: Rig) -> None:
    await rig.submit("j", *pages(20))
    worker = rig.worker(gates=replace(GATES, breaker_openings=9))
    await break_host(rig, worker)
    for seconds in (60, 120, 240, 480, 960, 1920, 3600):
        await opens_after(rig, worker, seconds)
        await answer(rig, worker, HostSignal.DOWN)


async def test_the_probe_is_one_that_has_not_failed(rig: Rig) -> None:
    await rig.submit("j", *pages(4), options=ONE)
    worker = rig.worker(gates=GATES)
    failed = set()
    for _ in range(3):
        lease = worker.start(await worker.one())
        await rig.sleep(0.1)
        lease.host_signal = HostSignal.DOWN
        failed.add(subject(lease))
        await worker.release(lease, delay=1, counted=True)
    await rig.sleep(60, worker)
    probe = await worker.one()
    assert subject(probe) not in failed
    await worker.release(probe, delay=1)
    assert subject(await worker.one()) in failed


async def give_up_host(rig: Rig, worker: Worker) -> None:
    await break_host(rig, worker)
    for seconds in (60, 120):
        await rig.sleep(seconds, worker)
        await answer(rig, worker, HostSignal.DOWN)


async def test_what_waits_for_a_host_that_never_works_ends_as_host_down(rig: Rig) -> None:
    await rig.submit("j", *pages(200), seal=True)
    await rig.submit("k", *[f"http://a.test/k{i}" for i in range(5)], seal=True)
    worker = rig.worker(gates=GATES)
    await give_up_host(rig, worker)
    done = await worker.work()
    assert all(url.startswith(f"{Outcome.HOST_DOWN.code} ") for url in done)
    assert len(done) == 200
    one, other = await rig.status("j"), await rig.status("k")
    assert (one["state"], other["state"]) == ("finished", "finished")
    classes = one["classes"], other["classes"]
    assert sum(found.get("timeout", 0) for found in classes) == 5
    assert sum(found["host-down"] for found in classes) == one["dead"] + other["dead"] - 5 == 200


async def test_a_host_whose_name_is_not_known_is_given_up_after_one_opening(rig: Rig) -> None:
    await rig.submit("j", *pages(20), seal=True)
    worker = rig.worker(gates=replace(GATES, breaker_openings=5))
    for _ in range(3):
        await answer(rig, worker, HostSignal.UNKNOWN)
    await rig.sleep(60, worker)
    await answer(rig, worker, HostSignal.UNKNOWN)
    assert len([url for url in await worker.work() if url.startswith(f"{Outcome.HOST_DOWN.code} ")]) == 16
    assert (await rig.status("j"))["state"] == "finished"


async def test_what_is_found_later_at_a_host_that_was_given_up_ends_too_until_it_is_asked_again(rig: Rig) -> None:
    await rig.submit("j", *pages(6))
    worker = rig.worker(gates=GATES)
    await give_up_host(rig, worker)
    assert len(await worker.work()) == 1
    await rig.submit("j", "http://a.test/later", "http://b.test/")
    assert sorted(await worker.work()) == ["H http://a.test/later", "http://b.test/"]
    await rig.sleep(240, worker)
    await rig.submit("j", *pages(9, "a.test", depth=1, priority=1), "http://a.test/x", "http://a.test/y")
    probe = await worker.lease(9)
    assert [lease.verdict for lease in probe] == [""]
    await rig.sleep(0.1, worker)
    await end(worker, probe[0], HostSignal.DOWN)
    assert all(url.startswith("H ") for url in await worker.work())


async def test_a_url_that_is_leased_alone_is_given_up_with_its_host(rig: Rig) -> None:
    await rig.submit("j", "http://a.test/poison", seal=True)
    dead, worker = rig.worker("dead"), rig.worker("w1", gates=GATES)
    for _ in range(2):
        await dead.one()
        dead.held.clear()
        await rig.expire()
    busy = rig.worker("busy")
    assert await busy.lease(0) + await worker.lease(0) == []
    assert (await busy.ask(1, held=5)).leases == []
    assert await rig.redis.zcard("{pdfs}:solo") == 1
    await rig.redis.hset(
        f"{{pdfs}}:host:{host_id('a.test')}", "trouble", f"9 0 3 0 {rig.clock.redis_us // 1000 + 100_000}"
    )
    await rig.sleep(1.1, worker)
    while not (leases := await worker.lease()):
        await rig.sleep(0.3, worker)
    assert [lease.verdict for lease in leases] == ["H"]
    await worker.commit(leases[0], Outcome.HOST_DOWN)
    assert (await rig.status("j"))["state"] == "finished"


async def test_a_retry_asks_a_host_again_that_was_given_up(rig: Rig) -> None:
    await rig.submit("j", *pages(9), seal=True)
    worker = rig.worker(gates=GATES)
    await give_up_host(rig, worker)
    await worker.work()
    answer = await rig.submit("j", *pages(9), seal=True, revive={"H": "dead"})
    assert answer.revived == 4
    (probe,) = await worker.lease(9)
    assert probe.verdict == ""
    await rig.sleep(0.1)
    await end(worker, probe, HostSignal.OK)
    assert len(await worker.lease(9)) == 3


@pytest.mark.parametrize("shown", [HostSignal.DOWN, HostSignal.BUSY])
async def test_a_robots_txt_that_fails_opens_the_breaker_as_well(rig: Rig, shown: HostSignal) -> None:
    await rig.submit("j", *pages(50), options=JobOptions(cap=8), seal=True)
    worker = rig.worker(gates=replace(GATES, backoff=0))
    asked = 0
    while (await rig.status("j"))["state"] != "finished":
        for lease in await worker.lease(64):
            if lease.origin:
                asked += 1
                await rig.sleep(0.1)
                lease.host_signal = shown
                await worker.commit_robots(lease, failure="C", ttl=5)
            else:
                lease.host_signal = HostSignal.NOTHING if lease.verdict else HostSignal.DOWN
                await rig.sleep(0.01)
                await worker.commit(lease, Outcome.HOST_DOWN if lease.verdict else Outcome.CONNECTION_ERROR)
        await rig.sleep(2, worker)
        await forget_robots(rig)
    classes = (await rig.status("j"))["classes"]
    assert asked == 3 + 2
    assert classes["host-down"] == 50


async def test_a_robots_txt_that_comes_closes_the_breaker(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=JobOptions(cap=8))
    worker = rig.worker(gates=replace(GATES, breaker_failures=1))
    robots = await worker.one()
    await rig.sleep(0.1)
    robots.host_signal = HostSignal.DOWN
    await worker.commit_robots(robots, failure="C", ttl=5)
    await forget_robots(rig)
    await opens_after(rig, worker, 60)
    (probe,) = await worker.lease(9)
    assert probe.origin
    probe.host_signal = HostSignal.OK
    await worker.commit_robots(probe, body=b"")
    assert len(await worker.lease(9)) == 8


async def test_the_breaker_survives_a_restart(durable: DurableRig) -> None:
    rig = durable
    await rig.submit("j", *pages(20))
    worker = rig.worker(gates=GATES)
    await break_host(rig, worker)
    await rig.restart()
    await rig.sleep(31, worker)
    assert await breakers_open(worker) == 1
    await opens_after(rig, worker, 29)
    assert len(await worker.lease(9)) == 1


async def test_a_breaker_is_forgotten_with_its_host(rig: Rig) -> None:
    await rig.submit("j", *pages(3), seal=True)
    worker = rig.worker(gates=GATES)
    await break_host(rig, worker)
    assert await breakers_open(worker) == 1
    rig.clock.advance(86_400 + 61)
    await rig.sweep()
    assert await breakers_open(worker) == 0


async def test_without_failures_to_open_it_the_breaker_stays_closed(rig: Rig) -> None:
    await rig.submit("j", *pages(50))
    worker = rig.worker(gates=NO_BREAKER)
    await break_host(rig, worker, 30)
    assert len(await worker.lease(8)) == 8
