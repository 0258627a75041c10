"""Ends leases as if their hosts had answered well, badly or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pdfspider.frontier.entries import host_id
from pdfspider.frontier.gates import Gates, HostSignal
from pdfspider.frontier.jobs import JobOptions
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from pdfspider.frontier.leases import Lease
    from tests.frontier.rig import Rig, Worker

GATES = Gates(backoff=5, longest_backoff=40, breaker_failures=3, breaker_seconds=60, breaker_openings=2, first_delay=4)

NO_BREAKER = replace(GATES, breaker_failures=0)

ADAPTING = replace(GATES, concurrency=2, longest_delay=10)

ONE = JobOptions(cap=1, robots=0)

OUTCOMES = {
    HostSignal.OK: Outcome.NOT_FOUND,
    HostSignal.BUSY: Outcome.THROTTLED,
    HostSignal.DOWN: Outcome.TIMEOUT,
    HostSignal.UNKNOWN: Outcome.DNS_ERROR,
}


async def answer(rig: Rig, worker: Worker, shown: HostSignal, **signs: Any) -> Lease:
    """Leases one URL, which ends a tenth of a second later in what its host showed."""
    lease = worker.start(await worker.one())
    await rig.sleep(0.1)
    await end(worker, lease, shown, **signs)
    return lease


async def end(worker: Worker, lease: Lease, shown: HostSignal, **signs: Any) -> None:
    lease.host_signal = shown
    for name, value in signs.items():
        setattr(lease, name, value)
    await worker.commit(lease, OUTCOMES[shown])


async def opens_after(rig: Rig, worker: Worker, seconds: float) -> None:
    """Holds where the host is left alone for exactly that long from now on."""
    await rig.sleep(seconds - 0.05, worker)
    assert await worker.lease() == []
    await rig.sleep(0.05, worker)


async def breakers_open(worker: Worker) -> int:
    return int((await worker.frontier.status())["hosts"]["breakers_open"])


async def forget_robots(rig: Rig) -> None:
    """The records expire by Redis's own clock."""
    for key in await rig.redis.keys("{pdfs}:robots:*"):
        await rig.redis.delete(key)


async def trouble(rig: Rig) -> bytes | None:
    found: bytes | None = await rig.redis.hget(f"{{pdfs}}:host:{host_id('a.test')}", "trouble")
    return found
