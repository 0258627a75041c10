"""What the frontier takes a worker to hold, and the worker does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.frontier.rig import FREE, pages, subject

if TYPE_CHECKING:
    from tests.frontier.rig import Rig


async def test_a_lease_that_its_worker_does_not_know_is_given_to_others(rig: Rig) -> None:
    """As after a failover: the end of a lease was lost with the old Redis, and the worker lives and renews."""
    await rig.submit("j", *pages(3), options=FREE)
    worker, other = rig.worker("w1"), rig.worker("w2")
    kept, forgotten, _ = await worker.lease(3)
    worker.held = [kept]
    assert await worker.frontier.reconcile(worker.held) == 2
    await rig.sweep()
    assert await worker.frontier.renew()
    assert subject(forgotten) in await other.urls(3)
    await worker.commit(kept)
    await other.work()


async def test_what_a_worker_holds_stays_with_it(rig: Rig) -> None:
    await rig.submit("j", *pages(3), options=FREE)
    worker = rig.worker()
    await worker.lease(3)
    assert await worker.frontier.reconcile(worker.held) == 0
    await rig.sweep()
    assert (await rig.status("j"))["leased"] == 3
    for lease in list(worker.held):
        await worker.commit(lease)
