"""What the frontier remembers of masters' messages, and what it owes them."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ResponseError

from pdfspider.frontier.audit import audit
from pdfspider.frontier.connection import connect
from pdfspider.frontier.durability import Durability
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.job_calls import LINKS_PER_CALL, Submitted
from pdfspider.frontier.jobs import JobOptions, Submission, Task
from pdfspider.frontier.reports.transports import forget_states, others_run, write_states
from pdfspider.frontier.results.pending_results import PendingResults, unanswered
from pdfspider.gateway.health import Health
from pdfspider.submission.seeds import seed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pdfspider.frontier.results.pending_results import EndedRun

OWN = Task("way", "key", b"record", once=True)
SHARED = Task("way", "other", b"other record", once=False)


@pytest.fixture
async def frontier(redis_url: str) -> AsyncIterator[Frontier]:
    redis = connect(redis_url)
    yield Frontier(redis)
    await redis.aclose()


async def submit(frontier: Frontier, task: Task, urls: int = 1, *, seal: bool = True) -> Submitted:
    entries = [seed(f"http://example.org/{n}") for n in range(urls)]
    return await frontier.submit("job", entries, options=JobOptions(), seal=seal, task=task)


async def end(frontier: Frontier) -> None:
    await frontier.control("job", "cancel")
    while await frontier.sweep():
        pass


async def take(pending: PendingResults) -> list[EndedRun]:
    """The first call finds that there is no group yet."""
    return await pending.next(10, 0.01) or await pending.next(10, 0.01)


async def test_a_message_is_answered_once_its_run_has_ended(frontier: Frontier) -> None:
    submitted = await submit(frontier, OWN)
    pending = PendingResults(frontier.redis, "way")
    assert not await take(pending)
    assert await unanswered(frontier.redis) == 1
    await end(frontier)
    (ended,) = await take(pending)
    assert (ended.run, ended.job, ended.state) == (submitted.run, "job", "cancelled")
    assert [task async for task in pending.tasks(ended.run)] == [(b"key", b"record")]
    assert not await take(pending)  # this one has it
    assert await take(PendingResults(frontier.redis, "way")) == [ended]  # another one may have died
    await pending.settle_task(ended.run, b"key", b"record")
    await pending.settle(ended)
    assert not await take(PendingResults(frontier.redis, "way"))
    assert await unanswered(frontier.redis) == 0
    assert not await frontier.redis.keys("{pdfs}:tasks:*")
    assert not (await audit(frontier.redis)).lines()


async def test_what_others_publish_is_taken_over_only_once_they_are_gone(frontier: Frontier) -> None:
    await submit(frontier, OWN)
    await end(frontier)
    redis = frontier.redis
    first = PendingResults(redis, "way", partial(others_run, redis, "first"))
    await write_states(redis, [Health("way").read("first")])
    (ended,) = await take(first)
    second = PendingResults(redis, "way", partial(others_run, redis, "second"))
    await write_states(redis, [Health("way").read("second")])
    assert not await take(second)
    await forget_states(redis, "first")  # as if it had been killed some seconds ago
    assert await take(second) == [ended]


async def test_what_is_given_back_is_taken_over_at_once(frontier: Frontier) -> None:
    await submit(frontier, OWN)
    await end(frontier)
    redis = frontier.redis
    await write_states(redis, [Health("way").read("third")])
    first = PendingResults(redis, "way")
    (ended,) = await take(first)
    second = PendingResults(redis, "way", partial(others_run, redis, "second"))
    assert not await take(second)
    await first.give_back()
    assert await take(second) == [ended]
    await PendingResults(redis, "unknown").give_back()


async def test_a_message_that_comes_again_changes_nothing_and_is_answered_again(frontier: Frontier) -> None:
    first = await submit(frontier, OWN)
    again = await submit(frontier, OWN)
    assert (again.run, again.added) == (first.run, 0)
    await end(frontier)
    pending = PendingResults(frontier.redis, "way")
    (ended,) = await take(pending)
    assert (await submit(frontier, OWN)).run == first.run
    assert not await take(pending)  # it is pending already
    await pending.settle_task(ended.run, b"key", b"record")
    await pending.settle(ended)
    assert (await submit(frontier, OWN)).run == first.run
    (repeated,) = await take(pending)
    assert repeated.run == first.run
    assert [task async for task in pending.tasks(ended.run)] == [(b"key", b"record")]


def addressed(reply: str, meta: str = "first") -> Task:
    return Task("way", "key", f'{{"meta":"{meta}","reply":{{"reply_to":"{reply}"}}}}'.encode(), once=True)


async def test_a_message_that_is_sent_again_is_answered_at_its_newest_address(frontier: Frontier) -> None:
    """While its job runs, while it is being answered, and when it has been; all else stays as it was."""
    pending = PendingResults(frontier.redis, "way")
    run = (await submit(frontier, addressed("old"))).run
    await submit(frontier, addressed("new", "other"))
    await end(frontier)
    (ended,) = await take(pending)
    assert [task async for task in pending.tasks(run)] == [(b"key", addressed("new").record)]
    await submit(frontier, addressed("newer"))  # after the answer to "new" was sent
    await pending.settle_task(run, b"key", addressed("new").record)
    await pending.settle(ended)
    (again,) = await take(pending)
    assert again.run == run
    assert [task async for task in pending.tasks(run)] == [(b"key", addressed("newer").record)]
    await pending.settle_task(run, b"key", addressed("newer").record)
    await pending.settle(again)
    await submit(frontier, addressed("newest"))
    assert [late.run for late in await take(pending)] == [run]
    assert [task async for task in pending.tasks(run)] == [(b"key", addressed("newest").record)]


async def test_what_was_handed_in_by_half_is_completed(frontier: Frontier) -> None:
    """A gateway that dies between two calls has not sealed the job."""
    half = await submit(frontier, OWN, LINKS_PER_CALL, seal=False)
    whole = await submit(frontier, OWN, LINKS_PER_CALL + 10)
    assert (whole.run, whole.added) == (half.run, 10)
    assert (await submit(frontier, OWN, LINKS_PER_CALL + 20)).added == 0


async def test_parts_of_a_job_are_all_answered_and_a_later_one_is_a_new_run(frontier: Frontier) -> None:
    first = await submit(frontier, OWN, seal=False)
    assert (await submit(frontier, SHARED)).run == first.run
    await end(frontier)
    pending = PendingResults(frontier.redis, "way")
    (ended,) = await take(pending)
    assert {key async for key, _ in pending.tasks(ended.run)} == {b"key", b"other"}
    assert (await submit(frontier, SHARED)).run > first.run


async def test_each_transport_has_its_own(frontier: Frontier) -> None:
    await submit(frontier, OWN)
    await submit(frontier, Task("else", "key", b"x", once=False))
    await end(frontier)
    for name in ("way", "else"):
        assert len(await take(PendingResults(frontier.redis, name))) == 1
    assert not await take(PendingResults(frontier.redis, "nobody"))


async def test_tasks_outlive_the_keys_of_their_run(redis_url: str) -> None:
    """A result that could not be published for longer than the job is kept is still pending."""
    redis, clock = connect(redis_url), [time.time_ns() // 1000]
    frontier = Frontier(redis, clock=lambda: clock[0])
    submitted = await submit(frontier, OWN)
    await end(frontier)
    clock[0] += 8 * 24 * 3600 * 1_000_000
    while await frontier.sweep():
        pass
    assert not [name async for name, _ in frontier.jobs()]
    pending = PendingResults(redis, "way")
    (ended,) = await take(pending)
    assert ended.run == submitted.run
    assert [task async for task in pending.tasks(ended.run)] == [(b"key", b"record")]
    await redis.aclose()


async def test_callers_wait_for_one_sync_together(frontier: Frontier) -> None:
    durable = Durability(frontier.redis)
    assert await durable.written()
    await frontier.redis.config_resetstat()
    await asyncio.gather(*(durable() for _ in range(200)))
    assert (await frontier.redis.info("commandstats"))["cmdstat_info"]["calls"] < 200
    assert (await frontier.redis.info("persistence"))["aof_pending_bio_fsync"] == 0


async def test_where_the_files_are_at_hand_they_are_synced_once_they_have_it(frontier: Frontier) -> None:
    (directory,) = (await frontier.redis.config_get("dir")).values()
    had: list[bool] = []

    def sync() -> None:
        had.append(any(b"what was written" in path.read_bytes() for path in Path(directory).rglob("*.aof")))

    durable = Durability(frontier.redis, sync)
    await frontier.redis.set("{pdfs}:test", "what was written")
    await asyncio.gather(*(durable() for _ in range(200)))
    assert had == [True]


async def test_without_an_append_only_file_there_is_nothing_to_wait_for(frontier: Frontier) -> None:
    await frontier.redis.config_set("appendonly", "no")
    durable = Durability(frontier.redis)
    assert not await durable.written()
    await durable()


async def test_of_those_that_are_handed_in_together_one_that_is_refused_harms_no_other(frontier: Frontier) -> None:
    entries = [seed(f"http://example.org/{n}") for n in range(3)]
    tasks = [OWN._replace(key=f"{n}", record=b"%d" % n) for n in range(3)]
    handed = [
        Submission(f"job-{n}", [entry], JobOptions(), seal=True, task=task)
        for n, (entry, task) in enumerate(zip(entries, tasks, strict=True))
    ]
    bad = Submission("bad", [entries[0].child(priority=5, fingerprint=b"short")], JobOptions(), seal=True, task=OWN)
    _, refused, *_ = await frontier.submit_all([handed[0], bad, *handed[1:]])
    assert isinstance(refused, ResponseError)
    assert "malformed" in str(refused)
    assert await unanswered(frontier.redis) == 3
    again = await frontier.submit_all([*handed, handed[0]])
    assert again == [Submitted(one.run, 0, 0) for one in again if isinstance(one, Submitted)]
    assert again[0] == again[3]
    assert len(set(again)) == 3
    assert not (await audit(frontier.redis)).lines()


async def test_parts_of_one_job_may_come_together(frontier: Frontier) -> None:
    parts = [
        Submission("job", [seed(f"http://example.org/{n}")], JobOptions(delay=n), n == 2, SHARED._replace(key=f"{n}"))
        for n in range(3)
    ]
    submitted = await frontier.submit_all(parts)
    assert {(one.run, one.added) for one in submitted} == {(submitted[0].run, 1)}
    status = await frontier.status_of_run(submitted[0].run)
    assert status is not None
    assert status["queued"] == 3
    assert not (await audit(frontier.redis)).lines()
    await end(frontier)
    pending = PendingResults(frontier.redis, "way")
    (ended,) = await take(pending)
    assert len([task async for task in pending.tasks(ended.run)]) == 3
