"""Faults of workers: killed, stopped, asked to end, restarted."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, ClassVar

from tests.faults.faults import fault
from tests.faults.servers import changed_environment, fake_clock
from tests.faults.world import CONCURRENCY, Pace, World

if TYPE_CHECKING:
    from tests.faults.world import Member


class Poisoned(World):
    """One document kills every worker that fetches it, for good; whoever stands beside it is innocent."""

    settings: ClassVar[dict[str, Any]] = {
        "FRONTIER_MAX_DELIVERIES": 3,
        "DOWNLOADER_MIDDLEWARES": {"tests.faults.injected.Poison": 100},
    }

    @property
    def poison(self) -> str:
        site = self.web.site
        return site.document_url(site.documents // 3)

    def _worker_settings(self) -> dict[str, Any]:
        return {**super()._worker_settings(), "FAULT_POISON": self.poison}

    def expected(self) -> dict[str, str]:
        return {**super().expected(), self.poison: "poison"}


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


class WrongClocks(World):
    """Its workers' wall clocks are a minute off, either way."""

    def add(self) -> Member:
        file = self.directory / f"clock-{len(self.fleet.workers)}"
        clock = fake_clock(file)
        file.write_text(f"{self.random.choice((-60, 60)):+d}\n")
        with changed_environment(clock):
            return super().add()


@fault("kill -9 of one worker")
def kill_one(world: World) -> int:
    return kill(world, world.any_member())


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
    flying = world.leases(member)
    wake_late(world, member)
    return flying


@fault("SIGTERM in the middle")
def terminate(world: World) -> int:
    member = world.any_member()
    flying = world.leases(member)
    world.hurt()
    member.worker.send(signal.SIGTERM)
    member.worker.wait()
    return flying


@fault("kill -9 of one worker, default settings", Unchanged, injections=1)
def kill_one_by_default(world: World) -> int:
    return kill_one(world)


@fault("workers' clocks a minute off, kill -9 of one", WrongClocks, injections=3)
def wrong_clocks(world: World) -> int:
    return kill_one(world)


@fault("worker restarted in a loop", injections=2)
def restart_loop(world: World) -> int:
    flying = 0
    for _ in range(4):
        flying += kill(world, world.members[-1])
        world.pause(world.random.uniform(0.2, 4))
    return flying


@fault("poison URL among innocent ones", Poisoned, injections=1)
def poison(world: World) -> int:
    """The deaths come by themselves; each takes with it what the worker had begun."""
    world.hurt()
    before = len(world.fleet.workers)
    world.wait(world.finished)
    deaths = len(world.fleet.workers) - before + 1
    return deaths * 2 * CONCURRENCY


@fault("killed between store and record")
def dies_before_record(world: World) -> int:
    return die_at(world, "BeforeRecord")


@fault("killed between record and commit")
def dies_before_commit(world: World) -> int:
    return die_at(world, "BeforeCommit")


@fault("fenced between record and commit", injections=3)
def fenced_before_commit(world: World) -> int:
    return sleep_at(world, "BeforeCommit")


@fault("fenced before the store", injections=3)
def fenced_before_store(world: World) -> int:
    return sleep_at(world, "BeforeStore")


def kill(world: World, member: Member) -> int:
    """Returns what it held."""
    world.hurt()
    member.worker.kill()
    return world.leases(member)


def die_at(world: World, trap: str) -> int:
    member = world.spring(trap, signal.SIGKILL)
    world.hurt()
    return world.leases(member) if member else 0


def sleep_at(world: World, trap: str) -> int:
    member = world.spring(trap, signal.SIGSTOP)
    if member is None:
        return 0
    world.hurt()
    flying = world.leases(member)
    wake_late(world, member)
    return flying


def wake_late(world: World, member: Member) -> None:
    """A second or two after its leases have passed to others."""
    world.pause(world.scale.lease + world.random.uniform(1.0, 2.0))
    member.worker.send(signal.SIGCONT)
