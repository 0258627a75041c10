"""Start URLs are claimed, settled, and come back when their claimer dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.frontier.rig import FREE, entry

if TYPE_CHECKING:
    from tests.frontier.rig import Rig

KEY = "pdfs:start_urls"


async def test_start_urls_are_claimed_in_the_order_in_which_they_were_pushed(rig: Rig) -> None:
    await rig.redis.lpush(KEY, *[b"%d" % i for i in range(5)])
    worker = rig.worker().frontier
    assert await worker.claim_start_urls(1, limit=3) == [b"0", b"1", b"2"]
    assert await rig.redis.lrange(KEY, 0, -1) == [b"4", b"3"]


async def test_nothing_is_claimed_where_nothing_is(rig: Rig) -> None:
    assert await rig.worker().frontier.claim_start_urls(0.01) == []


async def test_a_claim_ends_with_the_submit_that_settles_it(rig: Rig) -> None:
    await rig.redis.lpush(KEY, b"http://a.test/", b"http://b.test/")
    worker = rig.worker().frontier
    claimed = await worker.claim_start_urls(1)
    await worker.submit("default", [entry("http://a.test/")], options=FREE, claimed=claimed[:1])
    assert await rig.redis.lrange(worker.taking, 0, -1) == claimed[1:]
    await worker.reject(claimed[1], b"the reason")
    assert await rig.redis.lrange(worker.taking, 0, -1) == []
    assert await rig.redis.lrange(f"{KEY}:rejected", 0, -1) == [b"the reason"]


async def test_what_was_claimed_and_not_settled_is_claimed_first(rig: Rig) -> None:
    await rig.redis.lpush(KEY, *[b"%d" % i for i in range(6)])
    worker = rig.worker().frontier
    first = await worker.claim_start_urls(1, limit=4)
    assert await worker.claim_start_urls(1, limit=2) == first[:2]
    for raw in first[:2]:
        await worker.reject(raw, b"")
    assert await worker.claim_start_urls(1) == first[2:]


async def test_what_a_dead_worker_claimed_comes_back_in_its_order(rig: Rig) -> None:
    await rig.redis.lpush(KEY, *[b"%d" % i for i in range(200)])
    dead, heir = rig.worker("w1").frontier, rig.worker("w2").frontier
    await dead.claim_start_urls(1, limit=150)
    await rig.expire()
    assert await heir.claim_start_urls(1, limit=200) == [b"%d" % i for i in range(200)]


async def test_what_a_worker_claimed_comes_back_when_it_leaves(rig: Rig) -> None:
    await rig.redis.lpush(KEY, b"0", b"1")
    worker = rig.worker().frontier
    await worker.claim_start_urls(1)
    await worker.leave()
    assert await rig.redis.lrange(KEY, 0, -1) == [b"1", b"0"]


async def test_a_start_url_that_is_claimed_twice_is_one_url_of_its_job(rig: Rig) -> None:
    await rig.redis.lpush(KEY, b"http://a.test/")
    dead, heir = rig.worker("w1").frontier, rig.worker("w2").frontier
    claimed = await dead.claim_start_urls(1)
    await rig.expire()
    assert await heir.claim_start_urls(1) == claimed
    for frontier in (dead, heir):
        await frontier.submit("default", [entry("http://a.test/")], options=FREE, claimed=claimed)
    assert (await rig.status("default"))["queued"] == 1
    assert await rig.redis.exists(dead.taking, heir.taking, KEY) == 0
