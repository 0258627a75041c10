"""Delays that follow the latency of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdfspider.frontier.gates import HostSignal
from pdfspider.frontier.jobs import JobOptions
from tests.frontier.host_answers import ADAPTING, GATES, ONE, answer
from tests.frontier.rig import pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig, Worker


async def delay_after(rig: Rig, worker: Worker, latency: float, *, usual: bool = True) -> float:
    """What the host's delay is after an answer that took so long, as the next starts show it."""
    lease = worker.start(await worker.one())
    begun = rig.clock.monotonic()
    lease.latency, lease.usual, lease.host_signal = latency, usual, HostSignal.OK
    await worker.commit(lease)
    waited = (await worker.ask()).wait
    assert waited is not None
    await rig.sleep(waited, worker)
    return rig.clock.monotonic() - begun


async def test_the_delay_follows_the_latency_for_the_whole_fleet(rig: Rig) -> None:
    await rig.submit("j", *pages(50), options=ONE)
    one, two = rig.worker("w1", gates=ADAPTING), rig.worker("w2", gates=ADAPTING)
    # The gap that was planned at a start holds until the next; from then on: mean of 4 s and 1 s / 2, and so on.
    assert await delay_after(rig, one, 1) == pytest.approx(4)
    assert await delay_after(rig, two, 1) == pytest.approx(2.25)
    assert await delay_after(rig, one, 1) == pytest.approx(1.375)
    # A slower answer counts at once, for the start that is next; so does a slow error.
    assert await delay_after(rig, two, 8) == pytest.approx(4)
    assert await delay_after(rig, two, 12, usual=False) == pytest.approx(6)
    # A quick error does not make the delay shorter; nothing makes it longer than the most.
    assert await delay_after(rig, one, 0.1, usual=False) == pytest.approx(6)
    assert await delay_after(rig, two, 6) == pytest.approx(6)
    assert await delay_after(rig, one, 60) == pytest.approx(10)


async def test_an_adapted_delay_is_never_under_the_jobs_or_the_robots_txts(rig: Rig) -> None:
    await rig.submit("j", *pages(50), options=JobOptions(cap=1, delay=3000))
    worker = rig.worker(gates=ADAPTING)
    await worker.commit_robots(worker.start(await worker.one()), crawl_delay=3.5)
    await rig.sleep(4, worker)
    for _ in range(6):
        last = await delay_after(rig, worker, 0.01)
    assert last == pytest.approx(3.5)


async def test_delays_do_not_adapt_unless_they_are_asked_to(rig: Rig) -> None:
    await rig.submit("j", *pages(50), options=JobOptions(cap=1, delay=500, robots=0))
    await delay_after(rig, rig.worker("before", gates=ADAPTING), 5)
    worker = rig.worker(gates=GATES)
    await answer(rig, worker, HostSignal.OK, latency=30, usual=True)
    await rig.sleep(2.4, worker)
    assert await delay_after(rig, worker, 30) == pytest.approx(0.5)
