"""Damage of every kind is found, and nothing else is: also while workers go on."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack
import pytest

from pdfspider.frontier.audit import KEYS_SHOWN
from pdfspider.frontier.audit import audit as look
from pdfspider.frontier.entries import host_id
from pdfspider.frontier.jobs import JobOptions
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import entry, on_one_server, pages, subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tests.frontier.rig import Rig, Worker

P = "{pdfs}:"
A, B, C, PAUSED = (host_id(f"{name}.test") for name in "abcp")
FAR = 2e15
"""A time (ms) that never comes."""


@dataclass
class Scene:
    """A frontier with something of everything."""

    redis: Any
    run: int
    paused: int
    finished: int
    lease: str
    robots: str

    @property
    def job(self) -> str:
        return f"{P}job:{self.run}"

    @property
    def queue(self) -> str:
        return f"{P}q:{A}:{self.run}"

    async def member(self) -> bytes:
        return bytes((await self.redis.zrange(self.queue, 0, 0))[0])

    async def bucket(self, fingerprint: bytes) -> bytes:
        async for key in self.redis.scan_iter(f"{P}seen:{self.run}:*"):
            if await self.redis.hexists(key, fingerprint):
                return bytes(key)
        raise KeyError(fingerprint)

    async def set_apart(self) -> None:
        """One URL waits to be leased alone."""
        member = await self.member()
        await self.redis.zrem(self.queue, member)
        await self.redis.zadd(f"{P}solo", {msgpack.packb([str(self.run), A, member, "0"], use_bin_type=False): 0})


async def set_scene(rig: Rig) -> Scene:
    worker, polite = rig.worker(), JobOptions(cap=1, robots=1)
    finished = (await rig.submit("done", *pages(3), seal=True)).run
    await worker.work()
    paused = (await rig.submit("paused", *pages(3, "p.test"))).run
    await rig.control("paused", "pause")
    assert not await worker.lease(3)
    await rig.submit("polite", *pages(3, "c.test"), options=polite)
    robots = await worker.one()
    run = (await rig.submit("j", *pages(150), *pages(5, "b.test"))).run
    lease, delayed, ended = sorted(await worker.lease(3), key=subject)
    await worker.release(delayed, delay=60)
    await worker.commit(ended, Outcome.TIMEOUT)
    scene = Scene(rig.redis, run, paused, finished, lease.token, robots.token)
    await scene.set_apart()
    return scene


DAMAGE: dict[str, tuple[Callable[[Scene], Awaitable[Any]], str]] = {}
"""How it is done, and the finding's text, in which names in braces stand for the scene's."""


def damage(
    expected: str,
) -> Callable[[Callable[[Scene], Awaitable[Any]]], Callable[[Scene], Awaitable[Any]]]:
    def add(plant: Callable[[Scene], Awaitable[Any]]) -> Callable[[Scene], Awaitable[Any]]:
        DAMAGE[plant.__name__] = plant, expected
        return plant

    return add


def simple(name: str, expected: str, plant: Callable[[Scene], Awaitable[Any]]) -> None:
    DAMAGE[name] = plant, expected


# URLs


@damage("waits somewhere, for it has not ended")
async def a_url_vanishes(s: Scene) -> None:
    await s.redis.zrem(s.queue, await s.member())


@damage("is in one place (it is in 2)")
async def a_url_is_queued_twice(s: Scene) -> None:
    await s.redis.zadd(s.queue, {await s.member() + b"again": 1})


@damage("is in one place (it is in 2)")
async def a_leased_url_is_queued_too(s: Scene) -> None:
    packed = await s.redis.hget(f"{P}worker:w1", s.lease)
    await s.redis.zadd(s.queue, {msgpack.unpackb(packed, raw=True)[b"member"]: 1})


@damage("waits nowhere, for it has ended or was never admitted")
async def an_ended_url_waits(s: Scene) -> None:
    fingerprint = (await s.member())[:8]
    await s.redis.hset(await s.bucket(fingerprint), fingerprint, "p")


@damage("its URLs are those that it is asked for")
async def a_url_is_in_the_wrong_bucket(s: Scene) -> None:
    fingerprint = (await s.member())[:8]
    bucket = await s.bucket(fingerprint)
    await s.redis.hdel(bucket, fingerprint)
    other = int(bucket.rpartition(b":")[2]) ^ 1
    await s.redis.hset(f"{P}seen:{s.run}:{other}", fingerprint, ".")


@damage("{job}: c:w counts what is there")
async def an_ended_url_is_forgotten(s: Scene) -> None:
    async for key in s.redis.scan_iter(f"{P}seen:{s.run}:*"):
        for fingerprint, state in (await s.redis.hgetall(key)).items():
            if state != b".":
                await s.redis.hdel(key, fingerprint)


# Counters

for counter in ("queued", "delayed", "leased", "leased_pages", "done", "dead", "c:w", "c:p", "seen"):
    simple(
        f"the_counter_{counter}_is_wrong",
        f"{{job}}: {counter} counts what is there",
        lambda s, counter=counter: s.redis.hincrby(s.job, counter, 1),
    )
simple("a_counter_is_negative", "{job}: delayed is not negative", lambda s: s.redis.hincrby(s.job, "delayed", -2))
simple("an_unknown_class", "{job}: c:? counts a known outcome class", lambda s: s.redis.hincrby(s.job, "c:?", 1))


@damage("{job}: queued counts what is there (it is 151, there are 152)")
async def two_counters_are_wrong_together(s: Scene) -> None:
    await s.redis.hincrby(s.job, "queued", -1)
    await s.redis.hincrby(s.job, "delayed", 1)


# Ends of runs

simple(
    "a_run_ends_too_early",
    "{job}: has no URL left, for it has ended",
    lambda s: s.redis.hset(s.job, "state", "finished"),
)
simple(
    "a_finished_run_is_kept_for_ever",
    "job:{finished}: has ended and is kept for a while",
    lambda s: s.redis.zrem(f"{P}finished", s.finished),
)
simple(
    "a_running_run_is_about_to_be_removed",
    "{job}: is not yet to be removed",
    lambda s: s.redis.zadd(f"{P}finished", {s.run: 1}),
)
simple(
    "a_run_never_ends",
    "job:{finished}: has ended, for it has no URL left",
    lambda s: s.redis.hset(f"{P}job:{s.finished}", "state", "running"),
)
simple(
    "queues_stay_parked",
    "job:{paused}: has no parked queues, for it is not paused",
    lambda s: asyncio.gather(
        s.redis.hset(f"{P}job:{s.paused}", "state", "running"), s.redis.srem(f"{P}chores", s.paused)
    ),
)

# Queues and hosts

simple(
    "a_queue_is_never_asked",
    "q:{A}:{run}: takes turns at its host",
    lambda s: s.redis.zrem(f"{P}host:{A}:jobs", s.run),
)
simple(
    "a_parked_queue_is_forgotten",
    "q:{PAUSED}:{paused}: takes turns at its host",
    lambda s: s.redis.srem(f"{P}job:{s.paused}:parked", PAUSED),
)
simple(
    "a_queue_is_not_listed",
    "q:{A}:{run}: is listed among the hosts of its run",
    lambda s: s.redis.srem(f"{s.job}:hosts", A),
)
simple(
    "a_cancelled_run_is_not_dropped",
    "q:{A}:{run}: is about to be dropped with its run",
    lambda s: s.redis.hset(s.job, "state", "cancelling"),
)
simple(
    "a_queue_without_a_run",
    f"q:{A}:77: its run exists",
    lambda s: s.redis.zadd(f"{P}q:{A}:77", {b"x" * 20: 1}),
)
simple(
    "a_turn_without_a_queue",
    "host:{A}:jobs: run 77 has a queue there",
    lambda s: s.redis.zadd(f"{P}host:{A}:jobs", {"77": 1}),
)
simple("a_host_is_not_scheduled", "host:{A}: is scheduled", lambda s: s.redis.zrem(f"{P}hosts", A))
simple("a_host_without_work", f"hosts: {'0' * 16} has work", lambda s: s.redis.zadd(f"{P}hosts", {"0" * 16: 1}))
simple("a_host_waits_for_ever", "host:{A}: is asked again", lambda s: s.redis.zadd(f"{P}hosts", {A: FAR}))
simple("a_host_is_held_for_ever", "host:{A}: is asked again", lambda s: s.redis.hset(f"{P}host:{A}", "until", int(FAR)))
simple("a_host_expires", "host:{A}: stays while it has work", lambda s: s.redis.expire(f"{P}host:{A}", 100))
simple(
    "a_host_stays",
    f"host:{'0' * 16}: expires once it has no work",
    lambda s: s.redis.hset(f"{P}host:{'0' * 16}", "last", 1),
)
simple(
    "a_flight_without_a_lease",
    "host:{A}:flight: what is out there is leased by a worker: 1-x",
    lambda s: s.redis.sadd(f"{P}host:{A}:flight", "1-x"),
)
simple(
    "a_start_that_nobody_will_report",
    "host:{A}: what is out there is leased by a worker: 1-x",
    lambda s: s.redis.hset(f"{P}host:{A}", "starting", "1-x"),
)
simple(
    "a_robots_lease_that_nobody_has",
    "host:{A}: what is out there is leased by a worker: 1-x",
    lambda s: s.redis.hset(f"{P}host:{A}", "robots", "1-x"),
)

# Workers and leases

simple(
    "a_worker_without_a_deadline",
    "worker:w1: its worker has a deadline",
    lambda s: s.redis.zrem(f"{P}workers", "w1"),
)
simple(
    "a_deadline_that_never_comes",
    "workers: w1 can be given up",
    lambda s: s.redis.zadd(f"{P}workers", {"w1": FAR}),
)
simple(
    "a_lease_that_is_not_in_flight",
    "worker:w1: the lease {lease} is in flight at host {A}",
    lambda s: s.redis.srem(f"{P}host:{A}:flight", s.lease),
)
simple(
    "a_lease_that_cannot_be_read",
    "worker:w1: the lease 1-x can be read",
    lambda s: s.redis.hset(f"{P}worker:w1", "1-x", b"\xc1\xff"),
)
simple(
    "a_lease_of_a_run_that_is_gone",
    "worker:w1: the lease {lease} is of a run that exists",
    lambda s: s.redis.delete(s.job),
)
simple(
    "start_urls_of_nobody",
    "taking:w9: its worker has a deadline",
    lambda s: s.redis.lpush(f"{P}taking:w9", "http://a.test/"),
)
simple(
    "answers_of_nobody",
    "worker:w9:calls: its worker has a deadline, or it expires",
    lambda s: s.redis.hset(f"{P}worker:w9:calls", "commit", "1"),
)
simple(
    "nothing_is_leased_for_ever",
    "meta: hold ends within one lease period",
    lambda s: s.redis.hset(f"{P}meta", "hold", int(FAR)),
)

# Keys and lists

simple("an_unknown_key", "{pdfs}:secret: is a key of the frontier", lambda s: s.redis.set(f"{P}secret", 1))
simple("a_key_of_another_type", "hosts: is a zset (it is a string)", lambda s: s.redis.set(f"{P}hosts", 1))
simple("a_bucket_of_no_run", "seen:77:0: is a bucket of a run", lambda s: s.redis.hset(f"{P}seen:77:0", "x" * 8, "p"))
simple(
    "a_bucket_that_is_never_asked",
    "seen:{run}:900: is a bucket of a run",
    lambda s: s.redis.hset(f"{P}seen:{s.run}:900", "x" * 8, "p"),
)
simple("hosts_of_no_run", "job:77:hosts: its run exists", lambda s: s.redis.sadd(f"{P}job:77:hosts", A))
simple("a_robots_that_stays", "expires", lambda s: s.redis.hset(f"{P}robots:{'0' * 40}", "body", ""))
simple("a_name_without_a_run", "jobs: x leads to a run of that name", lambda s: s.redis.hset(f"{P}jobs", "x", 77))
simple("a_run_that_was_never", "finished: run 77 has ended", lambda s: s.redis.zadd(f"{P}finished", {"77": 1}))
simple(
    "buckets_of_a_run_are_removed",
    "garbage: run {run} is gone",
    lambda s: s.redis.rpush(f"{P}garbage", f"{s.run} 2"),
)
simple(
    "a_suspect_of_no_run",
    "solo: run 77 exists",
    lambda s: s.redis.zadd(f"{P}solo", {msgpack.packb(["77", A, "x" * 20, "0"]): 0}),
)


@damage("is looked at within a day")
async def a_suspect_waits_for_ever(s: Scene) -> None:
    (packed,) = await s.redis.zrange(f"{P}solo", 0, -1)
    await s.redis.zadd(f"{P}solo", {packed: FAR})


@on_one_server
@pytest.mark.parametrize("name", DAMAGE)
async def test_damage_is_found(rig: Rig, name: str) -> None:
    scene = await set_scene(rig)
    await audit(rig.redis)
    plant, expected = DAMAGE[name]
    await plant(scene)
    report = await look(rig.redis, looks=1)
    names = {"A": A, "PAUSED": PAUSED, "job": scene.job, "pdfs": "{pdfs}", **vars(scene)}
    assert any(expected.format(**names) in line for line in report.lines()), report.lines()
    await rig.redis.flushall()


async def test_what_was_looked_at_is_counted(rig: Rig) -> None:
    await set_scene(rig)
    report = await audit(rig.redis)
    assert (report.runs, report.urls, report.hosts, report.leases) == (4, 164, 4, 2)
    assert report.lines() == []


async def test_of_many_findings_that_are_alike_some_are_shown(rig: Rig) -> None:
    await rig.redis.mset({f"{P}secret{i}": 1 for i in range(KEYS_SHOWN + 5)})
    lines = (await look(rig.redis, looks=1)).lines()
    assert len(lines) == KEYS_SHOWN + 1
    assert lines[-1] == "and 5 more: is a key of the frontier"
    await rig.redis.flushall()


async def churn(worker: Worker, stop: asyncio.Event, rng: random.Random) -> None:
    """Leases and ends in every way, as fast as it goes."""
    while not stop.is_set():
        for lease in await worker.lease(16):
            worker.start(lease)
            if rng.random() < 0.5:
                await worker.release(lease, delay=rng.choice([0, 0.001]))
            else:
                links = [entry(f"http://{rng.choice('abcd')}.test/{rng.random()}") for _ in range(2)]
                await worker.commit(lease, rng.choice([Outcome.PAGE, Outcome.DOCUMENT, Outcome.TIMEOUT]), *links)
        worker.clock.advance(0.01)


@on_one_server
async def test_movement_is_no_finding(rig: Rig) -> None:
    rng, stop = random.Random(5), asyncio.Event()
    await rig.submit("j", *pages(200), *pages(50, "b.test"))
    await rig.submit("k", *pages(30, "c.test"))
    workers = [rig.worker(f"w{i}") for i in range(3)]
    tasks = [asyncio.create_task(churn(worker, stop, rng)) for worker in workers]
    for _ in range(5):
        report = await look(rig.redis)
        assert not report.findings, report.lines()
        assert report.urls >= 280
    await rig.redis.hincrby(f"{P}job:{(await rig.submit('j')).run}", "queued", 1)
    assert "queued counts what is there" in "".join((await look(rig.redis)).lines())
    stop.set()
    await asyncio.gather(*tasks)
    await rig.redis.flushall()
