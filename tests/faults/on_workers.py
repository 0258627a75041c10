"""Faults of workers: killed, stopped, asked to end, restarted."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any, ClassVar

from pdfspider.settings import FRONTIER_LEASE_SECONDS
from tests.faults.faults import fault
from tests.faults.injected import PIPELINES, SPRUNG
from tests.faults.limits import changed_environment, fake_clock, small_memory
from tests.faults.world import CONCURRENCY, Pace, World

if TYPE_CHECKING:
    from tests.faults.world import Member


class Poisoned(World):
    """Innocent URLs are not given up; one that kills whoever fetches it is, after the third."""

    settings: ClassVar[dict[str, Any]] = {"FRONTIER_MAX_DELIVERIES": 3}


class Trapped(World):
    """Its workers can be made to fall at a chosen place."""

    def _open(self) -> None:
        self.traps = self.directory / "traps"
        self.traps.mkdir()
        super()._open()

    def _worker_settings(self) -> dict[str, Any]:
        return {**super()._worker_settings(), "ITEM_PIPELINES": PIPELINES, "FAULT_TRAPS": self.traps}

    def spring(self, trap: str, signum: int) -> Member | None:
        """Lays out a trap and waits until a worker has fallen into it; None where the job ends before."""
        before, laid = set(self.traps.iterdir()), self.directory / "trap"
        laid.write_text(str(int(signum)))
        laid.rename(self.traps / trap)
        self.wait(lambda: set(self.traps.glob(f"*{SPRUNG}")) - before or self.finished())
        (self.traps / trap).unlink(missing_ok=True)
        pids = {int(path.name.split(".")[1]) for path in set(self.traps.glob(f"*{SPRUNG}")) - before}
        return next((member for member in self.members if member.pid in pids), None)


class Unchanged(World):
    """Its workers have the default settings."""

    paces = (Pace(0.5, 1, 50),)
    settings: ClassVar[dict[str, Any]] = dict.fromkeys(
        (
            "CONCURRENT_REQUESTS",
            "CONCURRENT_REQUESTS_PER_DOMAIN",
            "DOWNLOAD_DELAY",
            "FRONTIER_GRACE",
            "FRONTIER_LEASE_SECONDS",
            "FRONTIER_RETRY_DELAY",
            "RETRY_TIMES",
        )
    )

    @property
    def lease(self) -> float:
        return float(FRONTIER_LEASE_SECONDS)


class WrongClocks(World):
    """The wall clocks of its first workers are a minute off, either way; those that come later have the right time."""

    def add(self) -> Member:
        if len(self.fleet.workers) >= self.scale.workers:
            return super().add()
        file = self.directory / f"clock-{len(self.fleet.workers)}"
        clock = fake_clock(file)
        file.write_text(f"{self.random.choice((-60, 60)):+d}\n")
        with changed_environment(clock):
            return super().add()


@fault("kill -9 of one worker")
def kill_one(world: World) -> int:
    """What it held is available to others a second after its lease at the latest, if there are others."""
    member = world.any_member()
    world.wait(lambda: world.finished() or any(map(world.serves, set(world.members) - {member})))
    in_flight = kill(world, member)
    begun = time.monotonic()
    world.wait(lambda: not world.leases(member))
    world.recoveries.append(time.monotonic() - begun - world.lease)
    return in_flight


@fault("kill -9 of all workers")
def kill_all(world: World) -> int:
    world.any_member()
    world.hurt()
    for member in world.members:
        member.worker.kill()
    return sum(world.leases(member) for member in world.members)


@fault("worker stopped past its lease (zombie)", injections=3)
def zombie(world: World) -> int:
    member = world.any_member()
    member.worker.send(signal.SIGSTOP)
    world.hurt()
    in_flight = world.leases(member)
    wake_late(world, member)
    return in_flight


@fault("SIGTERM in the middle")
def terminate(world: World) -> int:
    member = world.any_member()
    in_flight = world.leases(member)
    world.hurt()
    member.worker.send(signal.SIGTERM)
    member.worker.wait()
    return in_flight


@fault("kill -9 of one worker, default settings", Unchanged, injections=1, once=True)
def kill_one_by_default(world: World) -> int:
    return kill_one(world)


@fault("workers' clocks a minute off, kill -9 of one", WrongClocks, injections=3)
def wrong_clocks(world: World) -> int:
    return kill_one(world)


@fault("worker restarted in a loop", injections=2)
def restart_loop(world: World) -> int:
    in_flight = 0
    for _ in range(4):
        in_flight += kill(world, world.members[-1])
        world.pause(world.random.uniform(0.2, 2.5))
    return in_flight


@fault("out of memory, killed by the kernel")
def out_of_memory(world: World) -> int:
    member = world.any_member()
    with small_memory(member.pid):
        world.hurt()
        world.wait(lambda: not member.alive or world.finished())
        member.worker.kill()
    return world.leases(member)


@fault("poison URL among innocent ones", Poisoned, injections=1)
def poison(world: World) -> int:
    """Each death takes with it what the worker had begun."""
    world.hurt()
    before = len(world.fleet.workers)
    url = f"{world.web.site.url}slow?ms=1&poison={len(world.poisoned)}"
    world.poisoned.append(url)
    world.submit(url)
    world.wait(lambda: any(row["url"] == url for row in world.captures()))
    return (len(world.fleet.workers) - before + 1) * 2 * CONCURRENCY


@fault("killed between store and record", Trapped)
def dies_before_record(world: World) -> int:
    return die_at(world, "BeforeRecord")


@fault("killed between record and commit", Trapped)
def dies_before_commit(world: World) -> int:
    return die_at(world, "BeforeCommit")


@fault("fenced between record and commit", Trapped, injections=3)
def fenced_before_commit(world: World) -> int:
    return sleep_at(world, "BeforeCommit")


@fault("fenced before the store", Trapped, injections=3)
def fenced_before_store(world: World) -> int:
    return sleep_at(world, "BeforeStore")


def kill(world: World, member: Member) -> int:
    """Returns what it held."""
    world.hurt()
    member.worker.kill()
    return world.leases(member)


def die_at(world: World, trap: str) -> int:
    assert isinstance(world, Trapped)
    member = world.spring(trap, signal.SIGKILL)
    world.hurt()
    return world.leases(member) if member else 0


def sleep_at(world: World, trap: str) -> int:
    assert isinstance(world, Trapped)
    member = world.spring(trap, signal.SIGSTOP)
    if member is None:
        return 0
    world.hurt()
    in_flight = world.leases(member)
    wake_late(world, member)
    return in_flight


def wake_late(world: World, member: Member) -> None:
    """A second or two after its leases have passed to others."""
    world.pause(world.lease + world.random.uniform(1.0, 2.0))
    member.worker.send(signal.SIGCONT)
