"""Leases: their tokens, their deadline, their end, and what happens when an answer or a worker is lost."""

from __future__ import annotations

from asyncio import gather, sleep
from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from pdfspider.exceptions import LeaseLost
from pdfspider.frontier.entries import links_of
from pdfspider.frontier.jobs import JobOptions
from pdfspider.items import Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from typing import Any

    from pdfspider.frontier.frontier import Frontier
    from tests.frontier.rig import Rig

RULES = (0,) * 7

SIGN = ("", 0, -1, False)


def losing_answers(frontier: Frontier, script: str) -> None:
    """Every call of a script is carried out, and its answer lost once."""
    scripts, lost = frontier._scripts._scripts, set[bytes]()
    send = scripts[script]

    async def send_and_lose(**call: Any) -> Any:
        answer = await send(**call)
        if call["args"][1] in lost:
            return answer
        lost.add(call["args"][1])
        raise RedisConnectionError

    scripts[script] = send_and_lose


async def test_tokens_grow_have_one_width_and_name_the_worker(rig: Rig) -> None:
    await rig.submit("j", *pages(8))
    one, two = rig.worker("w1"), rig.worker("w2")
    tokens = [lease.token for worker in (one, two, one, two) for lease in await worker.lease(2)]
    assert tokens == sorted(tokens)
    assert len(set(tokens)) == 8
    assert {len(token) for token in tokens} == {16 + 1 + 8}
    assert tokens[0].endswith(one.frontier.nonce)
    assert tokens[2].endswith(two.frontier.nonce)


async def test_a_lease_call_that_is_sent_again_grants_the_same_leases(rig: Rig) -> None:
    await rig.submit("j", *pages(8))
    worker = rig.worker()
    call = ("w1", "nonce", "call-1", 3, 0, 30_000, 0, "", -1, 0, -1)
    first = await worker.frontier._scripts("lease", *call)
    again = await worker.frontier._scripts("lease", *call)
    assert len(first[6:]) == 3
    assert first == again
    other = await worker.frontier._scripts("lease", "w1", "nonce", "call-2", 3, 3, 30_000, 0, "", -1, 0, -1)
    assert {lease[0] for lease in other[6:]}.isdisjoint(lease[0] for lease in first[6:])


async def test_a_lease_call_that_is_sent_again_late_grants_only_what_still_stands(rig: Rig) -> None:
    await rig.submit("j", *pages(8))
    worker = rig.worker()
    call = ("w1", "nonce", "call-1", 2, 0, 30_000, 0, "", -1, 0, -1)
    first = await worker.frontier._scripts("lease", *call)
    await worker.frontier._scripts("commit", "w1", "c", RULES, [first[6][0], "p", False, -1, 0, SIGN, [], True])
    assert (await worker.frontier._scripts("lease", *call))[6:] == first[7:]


async def test_a_commit_that_is_sent_again_is_answered_as_before_and_done_once(rig: Rig) -> None:
    await rig.submit("j", *pages(2))
    worker = rig.worker()
    one, _ = await worker.lease(2)
    good = [one.token, "p", False, -1, 7, SIGN, links_of([entry("http://a.test/new")]), True]
    fenced = ["x", "p", False, -1, 0, SIGN, [], True]
    answers = [await worker.frontier._scripts("commit", "w1", "call", RULES, good, fenced) for _ in range(2)]
    assert answers == [[b"ok", b"fenced"]] * 2
    status = await rig.status("j")
    assert (status["done"], status["queued"], status["bytes"]) == (1, 1, 7)


@pytest.mark.parametrize("script", ["lease", "commit", "release", "submit", "renew"])
async def test_a_lost_answer_loses_and_doubles_nothing(rig: Rig, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        await sleep(min(seconds, 0.01))

    monkeypatch.setattr("pdfspider.frontier.frontier.asyncio.sleep", at_once)
    worker = rig.worker()
    await rig.submit("j", *pages(4), seal=True)
    losing_answers(worker.frontier, script)
    if script in ("submit", "renew"):
        with pytest.raises(RedisConnectionError):
            await (worker.frontier.renew() if script == "renew" else worker.frontier.submit("j", pages(6)))
        await worker.frontier.submit("j", pages(6))
    first, *rest = await worker.lease(2)
    await worker.release(first)
    for lease in rest:
        await worker.commit(lease, Outcome.PAGE, *pages(9))
    await worker.work()
    status = await rig.status("j")
    assert (status["state"], status["done"], status["classes"]) == ("finished", 9, {"page": 9})


async def test_a_worker_that_renews_keeps_its_leases_and_one_that_does_not_loses_them(rig: Rig) -> None:
    await rig.submit("j", *pages(4))
    one, two = rig.worker("w1"), rig.worker("w2")
    kept, lost = await one.lease(2), await two.lease(2)
    await rig.expire(one, seconds=120)
    assert not await two.frontier.renew()
    again = await one.lease(9)
    assert {lease.entry for lease in again} == {lease.entry for lease in lost}
    for lease in kept:
        await one.commit(lease)
    assert (await rig.status("j"))["done"] == 2


async def test_leases_end_at_their_deadline_and_not_before(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    one, two = rig.worker("w1"), rig.worker("w2")
    await one.lease()
    assert one.frontier.valid_until == rig.clock.monotonic() + 27
    await rig.expire(seconds=29.9)
    assert await two.lease() == []
    await rig.expire(seconds=0.2)
    (lease,) = await two.lease()
    assert (lease.deliveries, lease.expiries, lease.attempt) == (0, 1, 2)


async def test_what_is_done_under_an_expired_lease_is_refused(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    one, two = rig.worker("w1"), rig.worker("w2")
    old = one.start(await one.one())
    await rig.expire()
    new = await two.one()
    assert new.token > old.token
    with pytest.raises(LeaseLost):
        await one.frontier.permit(old)
    with pytest.raises(LeaseLost):
        await one.commit(old, Outcome.PAGE, *pages(9))
    await one.frontier.started(old)
    await one.release(old)
    status = await rig.status("j")
    assert (status["leased"], status["queued"], status["done"]) == (1, 0, 0)
    await two.commit(new)


async def test_an_expired_lease_moves_its_hosts_next_start_back(rig: Rig) -> None:
    await rig.submit("j", *pages(3), options=FREE.__class__(delay=2000, robots=0))
    one, two = rig.worker("w1"), rig.worker("w2")
    await one.one()
    await rig.expire()
    assert await two.lease() == []
    await rig.sleep(1.9)
    assert await two.lease() == []
    await rig.sleep(0.1)
    assert len(await two.lease()) == 1


async def test_a_worker_whose_deadline_has_passed_gets_nothing_before_it_dropped_what_it_held(rig: Rig) -> None:
    await rig.submit("j", *pages(5))
    one = rig.worker("w1")
    held = await one.lease(2)
    until = one.frontier.valid_until
    await rig.sleep(31)
    assert await one.lease() == []
    await rig.sweep()
    assert await one.lease() == []
    assert one.frontier.valid_until == until
    for lease in held:
        await one.release(lease)
    assert len(await one.lease(5)) == 5


async def test_leases_that_a_worker_forgot_do_not_stay_out_for_ever(rig: Rig) -> None:
    await rig.submit("j", *pages(2))
    one = rig.worker("w1")
    await one.lease(2)
    one.held.clear()
    await rig.sleep(31)
    assert await one.lease(2) == []
    await rig.sweep()
    assert len(await one.lease(2)) == 2


async def test_a_released_url_is_there_at_once_or_after_the_delay(rig: Rig) -> None:
    await rig.submit("j", *pages(2))
    worker = rig.worker()
    one, two = await worker.lease(2)
    await worker.release(one)
    await worker.release(two, delay=60, counted=True)
    status = await rig.status("j")
    assert (status["queued"], status["delayed"], status["leased"]) == (1, 1, 0)
    (again,) = await worker.lease(9)
    assert (again.entry, again.deliveries) == (one.entry, 0)
    assert (await worker.ask()).wait == 60
    await rig.sleep(59.9, worker)
    assert await worker.lease() == []
    await rig.sleep(0.1, worker)
    (late,) = await worker.lease(9)
    assert (late.entry, late.deliveries) == (two.entry, 1)


async def test_new_links_wake_a_host_that_waits_for_a_delayed_url(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    worker = rig.worker()
    await worker.release(await worker.one(), delay=3600)
    assert await worker.lease() == []
    await rig.submit("j", *pages(2))
    await rig.submit("k", *pages(1))
    assert len(await worker.lease(9)) == 2


async def test_what_a_worker_still_had_when_it_left_is_there_at_once(rig: Rig) -> None:
    await rig.submit("j", *pages(3))
    one, two = rig.worker("w1"), rig.worker("w2")
    await one.lease(3)
    await one.frontier.leave()
    assert len(await two.lease(9)) == 3
    await audit(rig.redis)


async def test_more_leases_of_dead_workers_than_one_sweep_takes_come_back(rig: Rig) -> None:
    await rig.submit("j", *pages(300), options=FREE.__class__(robots=0, cap=300))
    for i in range(12):
        assert len(await rig.worker(f"w{i}").lease(25)) == 25
    await rig.expire()
    assert (await rig.status("j"))["queued"] == 300
    assert await rig.redis.zcard("{pdfs}:workers") == 0


async def test_an_ending_that_cannot_be_sent_fails_alone(rig: Rig) -> None:
    await rig.submit("j", *pages(3))
    worker = rig.worker()
    leases = await worker.lease(3)
    links = [[], [entry("http://a.test/").child(url="http://a.test/\ud800")], [entry("http://b.test/")]]
    commits = [worker.commit(lease, Outcome.PAGE, *found) for lease, found in zip(leases, links, strict=True)]
    first, unsendable, last = await gather(*commits, return_exceptions=True)
    assert (first, last) == (None, None)
    assert isinstance(unsendable, UnicodeEncodeError)
    status = await rig.status("j")
    assert (status["classes"], status["leased"], status["queued"]) == ({"page": 2}, 1, 1)


async def test_a_small_site_is_shared_by_its_workers(rig: Rig) -> None:
    """Beyond what it can work on at once, a worker leases nothing that another could start."""
    await rig.submit("j", *pages(30), options=JobOptions(cap=64, robots=0))
    first, second = rig.worker("w1"), rig.worker("w2")
    assert not (await second.ask(0)).leases
    grant = await first.ask(16, slots=8)
    assert (len(grant.leases), grant.wait) == (8, None)
    assert len((await first.ask(8, slots=8)).leases) == 0
    assert len((await second.ask(16, slots=8)).leases) == 8
    for lease in list(first.held):
        await first.commit(lease)
    assert len((await first.ask(16, slots=8)).leases) == 8


async def test_a_worker_alone_and_a_large_site_fill_the_buffers(rig: Rig) -> None:
    await rig.submit("j", *pages(30), options=JobOptions(cap=64, robots=0))
    first = rig.worker("w1")
    assert len((await first.ask(16, slots=8)).leases) == 16
    await rig.submit("large", *pages(100, "b.test"), options=JobOptions(cap=64, robots=0))
    second = rig.worker("w2")
    assert len((await second.ask(16, slots=8)).leases) >= 8
    assert len((await first.ask(16, held=0, slots=8)).leases) >= 8


async def test_a_worker_that_is_gone_is_left_nothing(rig: Rig) -> None:
    await rig.submit("j", *pages(30), options=JobOptions(cap=64, robots=0))
    gone, first = rig.worker("gone"), rig.worker("w1")
    await gone.ask(0)
    await rig.sleep(32)
    await rig.sweep()
    assert len((await first.ask(16, slots=8)).leases) == 16
