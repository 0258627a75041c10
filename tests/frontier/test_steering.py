"""What operators change while jobs run: options, what is blocked, hosts in trouble; and the lists of jobs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pdfspider.exceptions import FrontierError, InvalidInput, JobNotFound
from pdfspider.frontier.block_rules import BlockRule, BlockRules
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.gates import HostSignal
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.reports import view
from pdfspider.frontier.reports.job_lists import JobLists
from pdfspider.items import Outcome
from pdfspider.submission.changing import read_changes
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig

SHORT = replace(FREE, retention=10_000)
SLOW = JobOptions(delay=60_000, cap=1, robots=0)


async def test_a_shorter_delay_and_more_requests_hold_at_hosts_that_wait_already(rig: Rig) -> None:
    await rig.submit("j", *pages(5), options=SLOW)
    worker, steering = rig.worker(), rig.worker("command").frontier.steering
    await worker.commit(worker.start(await worker.one()))
    assert await worker.lease() == []
    await steering.change("j", {"delay": 2000, "cap": 3})
    await rig.sleep(61, worker)
    await worker.commit(worker.start(await worker.one()))
    await rig.sleep(1, worker)
    assert await worker.lease() == []
    await rig.sleep(1.5, worker)
    first = worker.start(await worker.one())
    await worker.frontier.started(first)
    await rig.sleep(2.5, worker)
    assert len(await worker.lease()) == 1, "a second one at once"


async def test_the_strictest_of_the_jobs_at_a_host_holds(rig: Rig) -> None:
    await rig.submit("j", *pages(3), options=FREE)
    await rig.submit("k", *pages(3), options=SLOW)
    steering = rig.worker("command").frontier.steering
    await steering.change("j", {"delay": 0})
    worker = rig.worker()
    await worker.commit(worker.start(await worker.one()))
    assert await worker.lease() == []


async def test_limits_of_a_running_job_change(rig: Rig) -> None:
    await rig.submit("j", *pages(5), options=FREE, seal=True)
    steering, worker = rig.worker("command").frontier.steering, rig.worker()
    await steering.change("j", {"max_pages": 1})
    assert len(await worker.lease(5)) == 1
    await worker.commit(worker.held[0])
    done = await worker.work()
    assert len(done) == 4
    assert all(text.startswith(Outcome.OVER_BUDGET.code) for text in done)


async def test_a_new_limit_of_time_begins_now(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=SLOW, seal=True)
    worker = rig.worker()
    await rig.worker("command").frontier.steering.change("j", {"max_time": 5000})
    await rig.sleep(6)
    await rig.sweep()
    assert len(await worker.work()) == 2
    assert (await rig.status("j"))["state"] == "finished"


async def test_what_cannot_be_changed_is_refused(rig: Rig) -> None:
    steering = rig.worker("command").frontier.steering
    with pytest.raises(JobNotFound):
        await steering.change("j", {"delay": 1})
    await rig.submit("j", options=FREE, seal=True)
    with pytest.raises(FrontierError, match="is finished"):
        await steering.change("j", {"delay": 1})
    for changes in ({"robots": 0}, {"cap": 0}, {"delay": -1}):
        with pytest.raises(InvalidInput):
            await steering.change("j", changes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"delay": "x"}, "delay x is not a number"),
        ({"delay": "-1"}, "out of range"),
        ({"concurrency": "0"}, "out of range"),
        ({"max_pages": "1.5"}, "not a whole number"),
        ({"max_seconds": "1e30"}, "out of range"),
        ({"delay": ""}, "nothing is named"),
    ],
)
def test_changes_that_make_no_sense_are_named(given: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_changes(given)


def test_changes_are_read_as_people_write_them() -> None:
    assert read_changes({"delay": "0.25", "concurrency": "3", "max_seconds": "60"}) == {
        "delay": 250,
        "cap": 3,
        "max_time": 60_000,
    }


async def test_a_host_is_asked_again_at_once_when_that_is_wanted(rig: Rig) -> None:
    await rig.submit("j", *pages(3), options=FREE)
    worker, steering = rig.worker(), rig.worker("command").frontier.steering
    lease = worker.start(await worker.one())
    lease.host_signal, lease.hold = HostSignal.BUSY, 600.0
    await worker.commit(lease, Outcome.THROTTLED)
    assert await worker.lease() == []
    await steering.reset_host("a.test")
    assert len(await worker.lease()) == 1
    with pytest.raises(FrontierError, match="knows no host"):
        await steering.reset_host("nowhere.test")


async def test_rules_are_kept_shared_and_removed(rig: Rig) -> None:
    mine, others = BlockRules(rig.redis), BlockRules(rig.redis)
    assert not await others.refresh()
    rule = await mine.add(BlockRule(host="a.test"))
    assert (await mine.add(BlockRule(host="a.test"))).id == rule.id
    await mine.add(BlockRule(pattern="*/calendar/*", job="j"))
    assert await others.refresh()
    assert not await others.refresh()
    assert [str(known) for known in others.rules] == ["a.test", "*/calendar/* in job j"] or len(others.rules) == 2
    assert others.blocking("any", "http://a.test/x")
    assert not others.blocking("any", "http://b.a.test/x")
    assert others.blocking("j", "https://b.test/calendar/2026")
    assert not others.blocking("k", "https://b.test/calendar/2026")
    assert await others.remove([rule.id, "nothing"]) == 1
    await mine.refresh()
    assert not mine.blocking("any", "http://a.test/x")


@pytest.mark.parametrize(
    ("pattern", "url", "applies"),
    [
        ("http://a.test/x", "http://a.test/x", True),
        ("http://a.test/x", "http://a.test/xy", False),
        ("http://a.test/*", "http://a.test/", True),
        ("*.pdf", "http://a.test/1.pdf", True),
        ("*.pdf", "http://a.test/1.pdf?x", False),
        ("*a*b*", "http://x.test/ab", True),
        ("*b*a*z", "http://x.test/ab", False),
        ("*?id=*", "http://x.test/?id=1", True),
        ("*[x]*", "http://x.test/[x]", True),
        ("*.*.*", "http://x.test/.", True),
        ("*a*a", "http://x.test/a", False),
        ("*a*a", "http://x.test/aba", True),
    ],
)
def test_a_pattern_applies_to_whole_urls(pattern: str, url: str, applies: bool) -> None:
    assert BlockRule(pattern=pattern).check().applies("j", url) is applies


def test_no_pattern_takes_long() -> None:
    rule = BlockRule(pattern="*a" * 400 + "z").check()
    began = time.process_time()
    assert not rule.applies("j", f"http://a.test/{'a' * 8000}")
    assert time.process_time() - began < 5, "some milliseconds, where it does not explode"


@pytest.mark.parametrize(
    "rule",
    [
        BlockRule(),
        BlockRule(host="a.test", pattern="*x"),
        BlockRule(pattern="***"),
        BlockRule(host="http://a.test/"),
        BlockRule(host="a b"),
        BlockRule(pattern="x" * 2000),
        BlockRule(host="a.test", job="a b"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rule: BlockRule) -> None:
    with pytest.raises(InvalidInput):
        rule.check()


async def test_a_preview_says_what_a_rule_would_drop(rig: Rig) -> None:
    await rig.submit("j", *pages(30), *pages(5, "b.test"), options=FREE)
    await rig.submit("k", *pages(4, "b.test"), options=FREE)
    frontier = rig.worker("command").frontier
    run = await frontier.run_of("j")
    seen = await frontier.steering.preview(BlockRule(pattern="http://a.test/2*", job="j"), run)
    assert (seen.matched, seen.looked_at, seen.waiting, len(seen.examples)) == (11, 35, 35, 11)
    everywhere = await frontier.steering.preview(BlockRule(host="b.test"), None)
    assert (everywhere.matched, everywhere.waiting) == (9, 9)
    assert (await frontier.steering.preview(BlockRule(host="c.test"), None)).waiting == 0


async def test_jobs_are_listed_by_parts_the_newest_first(rig: Rig) -> None:
    for number in range(7):
        await rig.submit(f"j{number}", entry(f"http://a.test/{number}"), options=SHORT, seal=True)
    lists = JobLists(rig.redis)
    first = await lists.page(3)
    second = await lists.page(3, first.next)
    third = await lists.page(3, second.next)
    assert [[job["name"] for job in page.jobs] for page in (first, second, third)] == [
        ["j6", "j5", "j4"],
        ["j3", "j2", "j1"],
        ["j0"],
    ]
    assert third.next == 0
    await rig.worker().work()
    assert (await lists.page(9, only_open=True)).jobs == []
    assert await lists.counts() == (7, 0)
    await rig.submit("j3", entry("http://a.test/new"), options=FREE)
    assert [job["name"] for job in (await lists.page(9, only_open=True)).jobs] == ["j3"]
    assert [job["name"] for job in (await lists.page(1)).jobs] == ["j3"]
    await rig.sleep(12)
    await rig.sweep()
    assert [job["name"] for job in (await lists.page(9)).jobs] == ["j3"]


async def test_a_run_that_ends_late_leaves_the_next_one_in_the_lists(rig: Rig) -> None:
    await rig.submit("j", entry("http://a.test/1"), options=FREE)
    worker = rig.worker()
    lease = await worker.one()
    await rig.control("j", "cancel")
    await rig.submit("j", entry("http://a.test/2"), options=FREE)
    await worker.commit(lease)
    await rig.sweep()
    (job,) = (await JobLists(rig.redis).page(5, only_open=True)).jobs
    assert (job["state"], job["queued"]) == ("running", 1)


async def test_jobs_that_are_older_than_the_lists_are_listed(rig: Rig) -> None:
    await rig.submit("old", entry("http://a.test/1"), options=FREE)
    await rig.submit("ended", options=FREE, seal=True)
    await rig.redis.delete("{pdfs}:recent", "{pdfs}:open")
    await rig.redis.set("{pdfs}:open", "broken")
    lists = JobLists(rig.redis)
    assert [job["name"] for job in (await lists.page(5)).jobs] == ["ended", "old"]
    assert [job["name"] for job in (await lists.page(5, only_open=True)).jobs] == ["old"]
    status = await Frontier(rig.redis).status()
    assert list(status["jobs"]) == ["ended", "old"]


async def test_one_job_is_found_however_many_are_newer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old", "new"):
        await rig.submit(name, entry(f"http://a.test/{name}"), options=FREE)
    monkeypatch.setattr(view, "MAX_JOBS", 1)
    frontier = Frontier(rig.redis)
    assert list((await frontier.status())["jobs"]) == ["new"]
    assert (await frontier.status("old"))["jobs"]["old"]["queued"] == 1
    with pytest.raises(JobNotFound):
        await frontier.status("none")
