"""Scheduled runs: each starts once, whatever workers see that it is time and whenever they die."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ResponseError

from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.entries import links_of
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.schedules import SEEDS_PER_ELEMENT, PlannedRun, Schedule, Schedules
from pdfspider.items import Outcome
from pdfspider.submission.schedules import check_cron, interval_of, next_time, start_scheduled
from tests.frontier.rig import FREE, entry, on_one_server, pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.job_calls import Submitted
    from tests.frontier.rig import Rig, Worker

NOT_USED: Any = None
"""The configuration and the database are asked only where hosts that are not due are left out."""


def now(rig: Rig) -> int:
    return rig.clock.redis_us // 1000


async def put(rig: Rig, every: float, seeds: Sequence[Entry] = (), options: JobOptions = FREE) -> None:
    seeds = seeds or pages(2)
    schedule = Schedule(job="j", options=options, every=int(every * 1000), next=now(rig) + int(every * 1000))
    await Schedules(rig.redis).put(schedule, seeds)


async def tick(worker: Worker) -> Submitted | None:
    """What a worker does in its housekeeping; gives the run that it started."""
    await worker.frontier.sweep()
    if worker.frontier.scheduled is None:
        return None
    return await start_scheduled(NOT_USED, worker.frontier, NOT_USED, *worker.frontier.scheduled)


async def started_runs(rig: Rig) -> int:
    """How many runs there have been, by the frontier's own events and jobs."""
    ended = await rig.redis.xlen("{pdfs}:events")
    jobs = await rig.redis.hgetall("{pdfs}:jobs")
    states = [await rig.redis.hget(f"{{pdfs}}:job:{int(run)}", "state") for run in jobs.values()]
    return int(ended + sum(state not in (b"finished", b"cancelled") for state in states))


async def test_a_run_starts_when_it_is_time_with_the_seeds_and_options_of_the_schedule(rig: Rig) -> None:
    await put(rig, 60, options=JobOptions(delay=70, cap=3, robots=0, max_pages=5, meta=b"\x00m"))
    worker = rig.worker()
    assert await tick(worker) is None
    await rig.sleep(60)
    started = await tick(worker)
    assert started
    assert started.added == 2
    raw = await rig.redis.hgetall(f"{{pdfs}}:job:{started.run}")
    assert (raw[b"delay"], raw[b"cap"], raw[b"max_pages"], raw[b"meta"], raw[b"sealed"]) == (
        b"70",
        b"3",
        b"5",
        b"\x00m",
        b"1",
    )
    assert await tick(worker) is None, "its next time is a minute later"
    found = await Schedules(rig.redis).get("j")
    assert found
    assert (found.started, found.next, found.seeds) == (started.run, now(rig) + 60_000, 2)


async def test_the_next_run_visits_the_same_urls_again(rig: Rig) -> None:
    await put(rig, 10)
    worker = rig.worker()
    for _ in range(3):
        await rig.sleep(10)
        assert await tick(worker)
        assert await worker.work() == ["http://a.test/0", "http://a.test/1"]
    assert await rig.redis.xlen("{pdfs}:events") == 3


async def test_times_that_nobody_saw_are_left_out(rig: Rig) -> None:
    await put(rig, 10)
    await rig.sleep(95)
    worker = rig.worker()
    assert await tick(worker)
    await worker.work()
    assert await tick(worker) is None
    await rig.sleep(5)
    assert await tick(worker), "the times stay what they were: 100 s after the schedule was made"


async def test_a_time_at_which_the_run_before_has_not_ended_is_skipped(rig: Rig) -> None:
    await put(rig, 10)
    worker = rig.worker()
    await rig.sleep(10)
    assert await tick(worker)
    await rig.sleep(10)
    assert await tick(worker) is None
    found = await Schedules(rig.redis).get("j")
    assert found
    assert found.skipped == 1
    await worker.work()
    await rig.sleep(10)
    assert await tick(worker)


async def test_only_one_of_many_workers_starts_the_run(rig: Rig) -> None:
    await put(rig, 5)
    workers = [rig.worker(f"w{i}") for i in range(6)]
    await rig.sleep(5)
    started = await asyncio.gather(*map(tick, workers))
    assert sum(run is not None for run in started) == 1
    assert await started_runs(rig) == 1


async def test_a_late_worker_starts_nothing(rig: Rig) -> None:
    await put(rig, 5)
    await rig.sleep(5)
    late = PlannedRun(now(rig), now(rig) + 5000)
    worker = rig.worker()
    assert await tick(worker)
    await worker.work()
    answer = await worker.frontier.submit("j", pages(2), options=FREE, seal=True, planned=late)
    assert (answer.run, answer.added) == (0, 0)
    assert await started_runs(rig) == 1


@on_one_server
async def test_a_worker_that_dies_between_two_parts_of_the_seeds_leaves_the_rest_to_another(rig: Rig) -> None:
    seeds = pages(3 * SEEDS_PER_ELEMENT)
    await put(rig, 5, seeds)
    await rig.sleep(5)
    dead, calls = rig.worker("dead"), 0
    scripts = dead.frontier._scripts

    async def die(name: str, *arguments: Any) -> Any:
        nonlocal calls
        calls += name == "submit"
        if calls == 2:
            raise asyncio.CancelledError
        return await scripts(name, *arguments)

    dead.frontier._scripts = die  # type: ignore[assignment]
    with pytest.raises(asyncio.CancelledError):
        await tick(dead)
    status = await rig.status("j")
    assert 0 < status["queued"] < len(seeds)
    assert not status["sealed"]
    worker = rig.worker()
    started = await tick(worker)
    assert started
    assert started.run == status["run"]
    assert len(await worker.work()) == len(seeds)
    assert await started_runs(rig) == 1
    assert (await rig.status("j"))["state"] == "finished"


@on_one_server
@pytest.mark.parametrize("seed", range(2))
async def test_each_run_starts_once_while_workers_are_killed_at_random(rig: Rig, seed: int) -> None:
    """Calls are lost on their way, answers on their way back, and workers die in between."""
    chance = random.Random(seed)
    await put(rig, 7, pages(700))
    expected = 0
    for _ in range(15):
        await rig.sleep(1)
        if (now(rig) - 1_800_000_000_000) // 7000 > expected:
            expected += 1
        for i in range(3):
            worker = rig.worker(f"w{chance.randrange(10**9)}-{i}")
            task = asyncio.create_task(tick(worker))
            if chance.random() < 0.6:
                await asyncio.sleep(chance.random() * 0.01)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not (now(rig) - 1_800_000_000_000) % 7000:
            survivor = rig.worker("survivor")
            await tick(survivor)
            assert len(await survivor.work(Outcome.PAGE)) == 700
            await survivor.frontier.leave()
        assert await started_runs(rig) == expected


async def test_a_schedule_can_be_replaced_listed_and_removed(rig: Rig) -> None:
    schedules = Schedules(rig.redis)
    await put(rig, 60)
    await put(rig, 30, [entry("http://b.test/", max_depth=3, reach=2)])
    (found,) = await schedules.all()
    assert (found.every, found.seeds) == (30_000, 1)
    (seed,) = await schedules.seeds("j")
    assert (seed.url, seed.host, seed.max_depth, seed.reach) == ("http://b.test/", "b.test", 3, 2)
    assert seed == entry("http://b.test/", max_depth=3, reach=2)
    assert await schedules.remove("j")
    assert not await schedules.remove("j")
    assert await schedules.get("j") is None
    assert await rig.redis.keys("*schedule*") == []


async def test_one_that_cannot_be_started_holds_no_other_up(rig: Rig) -> None:
    await put(rig, 5)
    await Schedules(rig.redis).put(
        Schedule(job="k", options=FREE, every=5000, next=now(rig) + 4000), pages(1, "k.test")
    )
    await rig.redis.hset("{pdfs}:schedule:k", "options", '{"delay": "nonsense"}')
    worker, started = rig.worker(), set()
    for second in range(12):
        await rig.sleep(1.001)
        try:
            started |= {bool(await tick(worker)) and second}
        except (ResponseError, ValueError, TypeError):
            continue
    assert await rig.redis.hexists("{pdfs}:jobs", "j")
    await Schedules(rig.redis).remove("k")


@pytest.mark.parametrize("planned", [[1], ["x", 2, True], [-1, 2, True], [1, float("nan"), True], 7])
async def test_a_time_that_makes_no_sense_is_refused(rig: Rig, planned: Any) -> None:
    request = ["j", {}, True, True, links_of(pages(1)), False, False, False, False, planned]
    (answer,) = await rig.worker().frontier._scripts("submit", request)
    assert b"malformed" in answer
    assert not await rig.redis.hexists("{pdfs}:jobs", "j")


async def test_a_schedule_has_seeds(rig: Rig) -> None:
    with pytest.raises(InvalidInput, match="0 seeds: a schedule has 1 to 100,000"):
        await Schedules(rig.redis).put(Schedule(job="j", options=FREE, every=1000), [])


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), (" 7d ", 604800), ("2w", 1209600)]
)
def test_intervals_are_written_as_people_do(text: str, seconds: int) -> None:
    assert interval_of(text) == seconds * 1000


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0s", "1.5h", "9999999w", "3650d1", "7 d"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no interval"):
        interval_of(text)


@pytest.mark.parametrize("text", ["", "x", "60 * * * *", "* * * *", "0 0 30 2 *", "@never"])
def test_what_is_no_cron_expression_or_never_comes_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no cron expression"):
        check_cron(text, 1_800_000_000_000)


def test_cron_expressions_are_in_utc() -> None:
    schedule = Schedule(job="j", options=FREE, cron="30 3 * * *")
    assert next_time(schedule, 1_800_000_000_000) == 1_800_070_200_000  # 2027-01-15 08:00 and 2027-01-16 03:30
    every = replace(schedule, cron="", every=1000, next=1_800_000_000_000)
    assert next_time(every, 1_800_000_000_000) == 1_800_000_001_000
    assert next_time(every, 1_800_000_007_400) == 1_800_000_008_000
