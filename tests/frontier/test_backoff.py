"""Hosts that do not answer as they should: back-off, breaker, and delays that follow the latency."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pdfspider.frontier.gates import HostSignal
from pdfspider.frontier.jobs import JobOptions
from tests.frontier.host_answers import ADAPTING, GATES, NO_BREAKER, ONE, answer, end, opens_after, trouble
from tests.frontier.rig import pages, subject
from tests.frontier.test_restart import durable

if TYPE_CHECKING:
    from tests.frontier.rig import Rig
    from tests.frontier.test_restart import DurableRig

__all__ = ["durable"]


async def test_each_busy_answer_doubles_the_back_off_up_to_the_most(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=ONE)
    worker = rig.worker(gates=NO_BREAKER)
    for rest in (5, 10, 20, 40, 40):
        await answer(rig, worker, HostSignal.BUSY)
        await opens_after(rig, worker, rest)
    assert len(await worker.lease()) == 1


async def test_a_success_halves_the_back_off_and_holds_nothing(rig: Rig) -> None:
    await rig.submit("j", *pages(19), options=ONE)
    worker = rig.worker(gates=NO_BREAKER)
    for rest in (5, 10, 20):
        await answer(rig, worker, HostSignal.BUSY)
        await opens_after(rig, worker, rest)
    await answer(rig, worker, HostSignal.OK)
    await answer(rig, worker, HostSignal.BUSY)
    await opens_after(rig, worker, 20)
    for _ in range(3):
        await answer(rig, worker, HostSignal.OK)
    await answer(rig, worker, HostSignal.BUSY)
    await opens_after(rig, worker, 5)
    await answer(rig, worker, HostSignal.OK)
    assert await trouble(rig) is None


async def test_the_longer_of_back_off_and_retry_after_holds(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=ONE)
    worker = rig.worker(gates=NO_BREAKER)
    await answer(rig, worker, HostSignal.BUSY, hold=30)
    await opens_after(rig, worker, 30)
    await answer(rig, worker, HostSignal.BUSY, hold=2)
    await opens_after(rig, worker, 10)
    assert len(await worker.lease()) == 1


async def test_a_burst_of_busy_answers_doubles_the_back_off_once(rig: Rig) -> None:
    await rig.submit("j", *pages(20))
    one, two = rig.worker("w1", gates=NO_BREAKER), rig.worker("w2", gates=NO_BREAKER)
    first, second = await one.lease(4), await two.lease(4)
    await rig.sleep(0.2)
    for worker, leases in ((one, first), (two, second)):
        for lease in leases[1:]:
            await end(worker, lease, HostSignal.BUSY)
    # A success of a request that was on its way before says nothing against it.
    await end(one, first[0], HostSignal.OK)
    await end(two, second[0], HostSignal.OK)
    await opens_after(rig, one, 5)
    await answer(rig, one, HostSignal.BUSY)
    await opens_after(rig, one, 10)
    assert len(await one.lease()) == 1


async def test_what_is_tried_again_waits_for_the_host_and_lets_others_go_first(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=ONE)
    worker = rig.worker(gates=NO_BREAKER)
    first = worker.start(await worker.one())
    await rig.sleep(0.1)
    first.host_signal = HostSignal.BUSY
    await worker.release(first, delay=1)
    await rig.sleep(4.9, worker)
    assert await worker.lease() == []
    await rig.sleep(0.1, worker)
    other = await worker.one()
    assert subject(other) != subject(first)
    await end(worker, other, HostSignal.OK)
    assert await worker.lease() == []
    await rig.sleep(1.3, worker)
    assert subject(await worker.one()) == subject(first)


async def test_a_lease_knows_that_its_host_goes_on_asking_for_rest(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=ONE)
    worker = rig.worker(gates=NO_BREAKER)
    resting = []
    for rest in (5, 10, 20, 40, 40):
        resting.append((await answer(rig, worker, HostSignal.BUSY)).resting)
        await rig.sleep(rest, worker)
    # Not at first, and no longer once the back-off has stopped growing: then each try counts.
    assert resting == [False, True, True, True, False]
    await answer(rig, worker, HostSignal.OK)
    assert not (await worker.one()).resting


async def test_a_host_that_never_gets_better_uses_up_the_tries_of_its_urls(rig: Rig) -> None:
    """However short its first back-off is, and so however often that grows."""
    await rig.submit("j", *pages(12), options=ONE)
    worker = rig.worker(gates=replace(NO_BREAKER, backoff=0.1, longest_backoff=10_000))
    resting = []
    for _ in range(9):
        resting.append((await answer(rig, worker, HostSignal.BUSY)).resting)
        await rig.sleep(60, worker)
    assert resting == [False, *[True] * 6, False, False]


async def test_a_back_off_survives_a_restart(durable: DurableRig) -> None:
    rig = durable
    await rig.submit("j", *pages(9), options=ONE)
    worker = rig.worker(gates=NO_BREAKER)
    for rest in (5, 10):
        await answer(rig, worker, HostSignal.BUSY)
        await rig.sleep(rest, worker)
    await answer(rig, worker, HostSignal.BUSY, hold=120)
    await rig.restart()
    await rig.sleep(31, worker)
    await opens_after(rig, worker, 120 - 31)
    await answer(rig, worker, HostSignal.BUSY)
    await opens_after(rig, worker, 40)
    assert len(await worker.lease()) == 1


async def test_an_expired_lease_pushes_its_host_back(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=JobOptions(delay=3000, cap=1, robots=0))
    dead, alive = rig.worker("dead"), rig.worker("alive")
    dead.start(await dead.one())
    await rig.expire()
    assert await alive.lease() == []
    await rig.sleep(2.9)
    assert await alive.lease() == []
    await rig.sleep(0.1)
    assert len(await alive.lease()) == 1


def test_the_rules_are_given_in_milliseconds() -> None:
    assert GATES.rules() == (5000, 40_000, 3, 60_000, 2, 0, 60_000)
    assert (GATES.lease_rules(), ADAPTING.lease_rules()) == ((40_000, -1, 604_800_000), (40_000, 4000, 604_800_000))
