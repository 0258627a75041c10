"""Jobs: their state, their counters, their runs, their budgets, and what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdfspider.exceptions import JobNotFound, LeaseLost
from pdfspider.frontier.entries import host_id
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import LeaseKind
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import FREE, entry, on_one_server, pages, subject

if TYPE_CHECKING:
    from tests.frontier.rig import Rig

PROFILE = JobOptions(delay=500, cap=1, anchors="www.example.com")


async def test_a_sealed_job_is_finished_when_its_last_url_has_ended(rig: Rig) -> None:
    run = (await rig.submit("j", *pages(2), seal=True)).run
    worker = rig.worker()
    one, two = await worker.lease(2)
    await worker.commit(one, Outcome.PAGE, entry("http://b.test/"))
    await worker.release(two, delay=10)
    (three,) = await worker.lease(9)
    await worker.commit(three, Outcome.NOT_FOUND)
    assert (await rig.status("j"))["state"] == "running"
    await rig.sleep(10, worker)
    four = await worker.one()
    assert (await worker.ask(watched=run)).watched == "running"
    await worker.commit(four, Outcome.TIMEOUT)
    status = await rig.status("j")
    assert status["state"] == "finished"
    assert (status["done"], status["dead"]) == (2, 1)
    assert status["classes"] == {"page": 1, "not-found": 1, "timeout": 1}
    assert (await worker.ask(watched=run)).watched == "finished"


async def test_one_event_tells_of_a_finished_run(rig: Rig) -> None:
    run = (await rig.submit("j", *pages(3), seal=True)).run
    await rig.worker().work()
    await rig.submit("gone", *pages(1), seal=True)
    await rig.control("gone", "cancel")
    await rig.sweep()
    events = [fields for _, fields in await rig.redis.xrange("{pdfs}:events")]
    assert events[0] == {b"event": b"finished", b"job": b"j", b"run": str(run).encode()}
    assert [fields[b"event"] for fields in events] == [b"finished", b"cancelled"]


async def test_a_job_without_urls_is_finished_when_it_is_sealed(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    await rig.worker().work()
    assert (await rig.status("j"))["state"] == "running"
    assert await rig.control("j", "seal") == "finished"
    await rig.submit("empty", seal=True)
    assert (await rig.status("empty"))["state"] == "finished"


async def test_the_job_default_is_never_sealed(rig: Rig) -> None:
    await rig.submit("default", *pages(1), seal=True)
    await rig.worker().work()
    assert await rig.control("default", "seal") == "running"


async def test_a_submit_to_a_finished_job_opens_its_next_run(rig: Rig) -> None:
    first = await rig.submit("j", *pages(3), seal=True)
    await rig.worker().work()
    second = await rig.submit("j", *pages(3), seal=True)
    assert (first.added, second.added) == (3, 3)
    assert second.run > first.run
    assert (await rig.status("j"))["run"] == second.run
    await rig.sweep()
    assert (await rig.status("j"))["run"] == second.run
    with pytest.raises(JobNotFound):
        await rig.worker().frontier.job(first.run)


async def test_the_next_run_keeps_the_options_unless_it_is_given_others(rig: Rig) -> None:
    async def options(name: str) -> list[bytes | None]:
        run = await rig.worker().frontier.run_of(name)
        return await rig.redis.hmget(f"{{pdfs}}:job:{run}", "delay", "robots", "anchors")

    await rig.submit("j", options=PROFILE, seal=True)
    await rig.submit("j", *pages(1), options=None)
    assert await options("j") == [b"500", b"1", b"www.example.com"]
    await rig.submit("j", *pages(2), options=None)
    assert await options("j") == [b"500", b"1", b"www.example.com"]
    await rig.control("j", "cancel")
    await rig.sweep()
    await rig.submit("j", *pages(3), options=FREE)
    assert await options("j") == [None, None, None]
    await rig.submit("new", *pages(1), options=None)
    assert await options("new") == [None, b"1", None]


async def test_who_joins_an_open_job_changes_none_of_its_options(rig: Rig) -> None:
    first = JobOptions(delay=10_000, cap=2, max_pages=500, anchors="www.example.com", meta=b"first")
    run = (await rig.submit("j", options=first)).run
    before = await rig.redis.hgetall(f"{{pdfs}}:job:{run}")
    joining = JobOptions(delay=500, robots=0, max_documents=1, anchors="attacker.example", meta=b"x", due=1)
    assert (await rig.submit("j", *pages(3), options=joining)).run == run
    after = await rig.redis.hgetall(f"{{pdfs}}:job:{run}")
    assert after.keys() - before.keys() <= {b"queued", b"seen", b"seq"}
    assert all(after[name] == before[name] for name in before if name not in (b"queued", b"seen", b"seq"))


@pytest.mark.parametrize("most", [2**53 + 1, 10**30, 10**4000])
async def test_a_limit_may_be_larger_than_any_number_of_redis(rig: Rig, most: int) -> None:
    await rig.submit("j", *pages(2), options=JobOptions(cap=8, robots=0, max_documents=most), seal=True)
    assert len(await rig.worker().work(Outcome.DOCUMENT)) == 2


async def test_an_operator_changes_the_options_that_are_named(rig: Rig) -> None:
    run = (await rig.submit("j", options=JobOptions(delay=10_000, max_pages=500, robots=1))).run
    await rig.submit("j", *pages(1), options=FREE, changes={"max_pages": 7, "robots": 0})
    names = ("delay", "max_pages", "robots", "cap", "max_documents")
    assert await rig.redis.hmget(f"{{pdfs}}:job:{run}", names) == [b"10000", b"7", b"0", b"1", None]


async def test_urls_that_failed_are_revived_in_a_finished_job(rig: Rig) -> None:
    run = (await rig.submit("j", *pages(4), seal=True)).run
    worker = rig.worker()
    outcomes = (Outcome.PAGE, Outcome.TIMEOUT, Outcome.ROBOTS_DENIED, Outcome.SERVER_ERROR)
    for outcome, lease in zip(outcomes, await worker.lease(4), strict=True):
        await worker.commit(lease, outcome)
    revive = {"w": "dead", "R": "done"}
    answer = await rig.submit("j", *pages(6), seal=True, revive=revive)
    assert (answer.run, answer.added, answer.revived) == (run, 4, 2)
    status = await rig.status("j")
    assert (status["state"], status["queued"], status["done"], status["dead"]) == ("running", 4, 1, 1)
    assert status["classes"] == {"page": 1, "server-error": 1}
    await audit(rig.redis)
    await worker.work(Outcome.DOCUMENT)
    status = await rig.status("j")
    assert (status["state"], status["classes"]) == ("finished", {"document": 4, "page": 1, "server-error": 1})
    await rig.sleep(1)
    await rig.sweep()
    assert (await rig.status("j"))["state"] == "finished"


async def test_pause_holds_a_job_and_no_other(rig: Rig) -> None:
    run = (await rig.submit("j", *pages(5), *pages(5, "b.test"))).run
    await rig.submit("k", *pages(5))
    worker = rig.worker()
    out = await worker.lease(4)
    assert await rig.control("j", "pause") == "paused"
    assert len(await worker.work()) == 5 - sum(lease.run != run for lease in out)
    for lease in out:
        links = [entry("http://a.test/child"), entry("http://c.test/child")] if lease.run == run else []
        await worker.commit(lease, Outcome.PAGE, *links)
    assert await worker.lease(9) == []
    await audit(rig.redis)
    assert await rig.control("j", "resume") == "running"
    await rig.sweep()
    await worker.work()
    assert (await rig.status("j"))["done"] == 12


@on_one_server
async def test_a_job_that_is_paused_again_and_again_loses_no_host(rig: Rig) -> None:
    await rig.submit("j", *[url for i in range(150) for url in pages(2, f"{i}.test")], seal=True)
    worker, sweeper = rig.worker(), rig.worker("command").frontier
    for _ in range(3):
        await rig.control("j", "pause")
        assert await worker.lease(256) == []
        assert await worker.lease(256) == []
        await rig.control("j", "resume")
        await sweeper.sweep()
        links = entry("http://0.test/child"), entry("http://149.test/child")
        await worker.commit(await worker.one(), Outcome.PAGE, *links)
        await audit(rig.redis)
    await rig.sweep()
    await worker.work()
    assert (await rig.status("j"))["state"] == "finished"
    assert (await rig.status("j"))["done"] == 302


async def test_cancel_ends_every_url_in_bounded_steps(rig: Rig) -> None:
    await rig.submit("j", *pages(3000), *pages(10, "b.test"))
    await rig.submit("k", *pages(5, "c.test"))
    worker = rig.worker()
    leases = [lease for lease in await worker.lease(24) if "c.test" not in subject(lease)]
    await worker.release(leases[0], delay=60)
    assert await rig.control("j", "cancel") == "cancelling"
    assert await rig.sweep() >= 3000 // 512
    assert await rig.control("j", "resume") == "cancelling"
    await worker.commit(leases[1], Outcome.PAGE, *pages(9, "d.test"))
    await worker.release(leases[2])
    assert (await rig.status("j"))["leased"] == len(leases) - 3
    await audit(rig.redis)
    await rig.expire()
    status = await rig.status("j")
    assert status["state"] == "cancelled"
    assert status["classes"] == {"page": 1, "cancelled": 3009}
    status = await rig.status("k")
    assert (status["state"], status["queued"]) == ("running", 5)


async def test_a_paused_job_can_be_cancelled(rig: Rig) -> None:
    await rig.submit("j", *pages(5), *pages(5, "b.test"))
    worker = rig.worker()
    await rig.control("j", "pause")
    await worker.lease(9)
    await rig.submit("j", *pages(2, "c.test"))
    await rig.control("j", "cancel")
    await rig.sweep()
    status = await rig.status("j")
    assert (status["state"], status["classes"]) == ("cancelled", {"cancelled": 12})


async def test_links_of_a_host_that_was_taken_out_of_the_turns_are_cancelled_too(rig: Rig) -> None:
    worker = rig.worker()
    await rig.submit("j", *pages(1), *pages(1, "b.test"))
    (a,) = await worker.lease(1)
    await worker.release(a)
    await rig.control("j", "pause")
    await worker.lease(9)
    await rig.control("j", "resume")
    await rig.submit("j", *pages(2), *pages(2, "b.test"))
    await worker.work()
    await rig.control("j", "pause")
    await rig.submit("j", *pages(4), *pages(4, "b.test"))
    await rig.control("j", "cancel")
    await rig.sweep()
    assert (await rig.status("j"))["state"] == "cancelled"


async def test_a_submit_to_a_job_that_is_being_cancelled_opens_its_next_run(rig: Rig) -> None:
    first = await rig.submit("j", *pages(5))
    await rig.control("j", "cancel")
    second = await rig.submit("j", *pages(5))
    assert second.run > first.run
    await rig.sweep()
    await rig.worker().work()
    assert (await rig.status("j"))["done"] == 5


async def test_what_makes_no_sense_changes_no_state(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    for action, state in (("resume", "running"), ("nonsense", "running"), ("pause", "paused"), ("pause", "paused")):
        assert await rig.control("j", action) == state
    with pytest.raises(JobNotFound):
        await rig.control("none", "pause")
    await rig.control("j", "cancel")
    await rig.sweep()
    for action in ("pause", "resume", "cancel"):
        assert await rig.control("j", action) == "cancelled"


@pytest.mark.parametrize("limit", [1, 7])
async def test_max_documents_is_exact_and_the_rest_is_over_budget(rig: Rig, limit: int) -> None:
    await rig.submit("j", *pages(40), options=JobOptions(cap=8, robots=0, max_documents=limit), seal=True)
    one, two, leased = rig.worker("w1"), rig.worker("w2"), []
    for _ in range(40):
        for worker in (one, two):
            for lease in await worker.lease(5):
                leased.append(lease)
                found = Outcome.DOCUMENT if len(leased) % 2 else Outcome.NOT_FOUND
                assert lease.verdict in ("", "B")
                await worker.commit(lease, Outcome.OVER_BUDGET if lease.verdict else found)
        await rig.sleep(0.2)
    status = await rig.status("j")
    assert (status["state"], status["documents"]) == ("finished", limit)
    assert sum(status["classes"].values()) == 40
    assert status["classes"]["over-budget"] == sum(lease.kind is LeaseKind.VERDICT for lease in leased)


async def test_max_pages_is_exact_and_documents_go_on(rig: Rig) -> None:
    documents = [entry(f"http://a.test/{i}.pdf", document=True) for i in range(10)]
    await rig.submit("j", *pages(20), *documents, options=JobOptions(cap=8, robots=0, max_pages=5), seal=True)
    worker = rig.worker()
    for _ in range(20):
        held = await worker.lease(8)
        assert sum(not lease.entry.document and not lease.verdict for lease in held if lease.entry) <= 5
        for lease in held:
            assert lease.entry
            found = Outcome.DOCUMENT if lease.entry.document else Outcome.PAGE
            await worker.commit(lease, Outcome.OVER_BUDGET if lease.verdict else found)
        await rig.sleep(0.2)
    status = await rig.status("j")
    assert (status["state"], status["classes"]) == ("finished", {"document": 10, "page": 5, "over-budget": 15})


async def test_a_document_that_is_a_page_counts_as_one_if_there_is_room(rig: Rig) -> None:
    """Also while it is out; a lease that expires gives its place back."""
    documents = [entry(f"http://a.test/{i}.pdf", document=True) for i in range(4)]
    await rig.submit("j", *documents, options=JobOptions(cap=8, robots=0, max_pages=2), seal=True)
    worker, dead = rig.worker("w1"), rig.worker("w2")
    one, two, three = await worker.lease(3)
    (lost,) = await dead.lease()
    assert [await worker.frontier.admit_page(lease) for lease in (one, one)] == [True, True]
    assert await dead.frontier.admit_page(lost)
    assert not await worker.frontier.admit_page(two)
    assert await rig.redis.hget(f"{{pdfs}}:job:{one.run}", "leased_pages") == b"2"
    await audit(rig.redis)
    await worker.commit(one)
    await rig.expire(worker)
    with pytest.raises(LeaseLost):
        await dead.frontier.admit_page(lost)
    assert await worker.frontier.admit_page(two)
    await worker.commit(two)
    assert not await worker.frontier.admit_page(three)
    await worker.commit(three, Outcome.OVER_BUDGET)
    assert await worker.work(Outcome.DOCUMENT) == [subject(lost)]
    assert (await rig.status("j"))["classes"] == {"document": 1, "page": 2, "over-budget": 1}


async def test_documents_do_not_wait_for_the_pages_that_use_the_budget_up(rig: Rig) -> None:
    documents = [entry(f"http://a.test/{i}.pdf", document=True) for i in range(30)]
    await rig.submit("j", *pages(20), *documents, options=JobOptions(cap=64, robots=0, max_pages=2))
    leases = await rig.worker().lease(64)
    assert sum(lease.entry.document for lease in leases if lease.entry) == 30


async def test_a_finished_one_page_job_is_small_and_then_gone(rig: Rig) -> None:
    worker = rig.worker()
    await rig.submit("other", *pages(1, "b.test"), seal=True)
    await worker.work()
    before = set(await rig.redis.keys())
    await rig.submit("j", entry("http://www.example.com/"), options=JobOptions(delay=500, retention=60_000), seal=True)
    await worker.commit_robots(await worker.one())
    await rig.sleep(1, worker)
    lease = await worker.one()
    assert subject(lease) == "http://www.example.com/"
    await worker.commit(lease, Outcome.PAGE)
    host = f"{{pdfs}}:host:{host_id('www.example.com')}".encode()
    left = set(await rig.redis.keys()) - before - {host}
    left = {key for key in left if b":robots:" not in key and b":worker:" not in key}
    sizes = {key: await rig.redis.memory_usage(key, samples=0) for key in left}
    assert sum(sizes.values()) < 1500, sizes
    await rig.sleep(59, worker)
    await rig.sweep()
    assert (await rig.status("j"))["state"] == "finished"
    await rig.sleep(2, worker)
    await rig.sweep()
    assert not left & set(await rig.redis.keys())
    assert await rig.redis.hget("{pdfs}:jobs", "j") is None
    assert await rig.redis.zcard("{pdfs}:finished") == 1
    assert 0 < await rig.redis.ttl(host) <= 86_400


async def test_the_keys_of_a_large_finished_job_go_in_bounded_steps(rig: Rig) -> None:
    await rig.submit("j", *pages(20_000), options=JobOptions(robots=0, retention=1000))
    await rig.control("j", "cancel")
    await rig.sweep()
    buckets = [key async for key in rig.redis.scan_iter("{pdfs}:seen:*", count=1000)]
    await rig.sleep(2)
    assert await rig.sweep() >= len(buckets) // 64
    assert not [key async for key in rig.redis.scan_iter("{pdfs}:seen:*", count=1000)]
    assert not [key async for key in rig.redis.scan_iter("{pdfs}:*job*", count=1000)]
    assert not await rig.redis.exists("{pdfs}:garbage", "{pdfs}:finished", "{pdfs}:chores")


async def test_a_finished_run_that_is_gone_says_so_to_its_watcher(rig: Rig) -> None:
    run = (await rig.submit("j", *pages(1), options=JobOptions(robots=0, retention=0), seal=True)).run
    worker = rig.worker()
    await worker.work()
    await rig.sweep()
    assert (await worker.ask(watched=run)).watched == "gone"
