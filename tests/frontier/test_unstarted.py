"""A URL that ends without having been asked for costs its host no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.frontier.jobs import JobOptions
from pdfspider.items import Outcome
from tests.frontier.rig import pages

if TYPE_CHECKING:
    from pdfspider.frontier.leases import Lease
    from tests.frontier.rig import Rig, Worker

SLOW = JobOptions(delay=1000, cap=1, robots=0)
WIDE = JobOptions(delay=1000, cap=3, robots=0)


async def later(rig: Rig, worker: Worker) -> Lease:
    """The next lease, after as much time as it takes."""
    while not (leases := await worker.lease()):
        await rig.sleep(0.1)
    return leases[0]


async def test_its_turn_goes_to_the_next(rig: Rig) -> None:
    await rig.submit("j", *pages(10), options=SLOW)
    worker = rig.worker()
    for _ in range(5):
        lease = await worker.one()
        assert lease.starts_at <= rig.clock.monotonic()
        await worker.commit(lease, Outcome.TRAP)
    begun = rig.clock.monotonic()
    await worker.commit(worker.start(await worker.one()))
    for _ in range(3):
        lease = await later(rig, worker)
        assert lease.starts_at - begun >= 0.99
        await worker.commit(lease, Outcome.TRAP)


async def test_it_gives_back_no_start_that_another_made(rig: Rig) -> None:
    """Whether the one beside it was late is not known when this one ends."""
    await rig.submit("j", *pages(10), options=WIDE)
    worker = rig.worker()
    first = worker.start(await worker.one())
    await worker.frontier.started(first)
    await rig.sleep(1)
    second = await worker.one()
    await worker.commit(second, Outcome.TRAP)
    assert await worker.lease() == []
    await worker.commit(first)
    assert await worker.lease() == []
    await rig.sleep(1)
    assert len(await worker.lease()) == 1
