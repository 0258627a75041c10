"""robots.txt: fetched under a lease of its own before anything else of its host."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from pdfspider.exceptions import HostTaken, InvalidInput, LeaseLost
from pdfspider.frontier.entries import host_id
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import LeaseKind
from pdfspider.items import Outcome
from pdfspider.origins import origin_of
from pdfspider.submission.seeds import seed
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig

POLITE = JobOptions(cap=4)
KEY = "{pdfs}:robots:7703ed026760d5fae228a3ad08f19a5e34bc12e7"
"""Of http://a.test."""


async def test_robots_are_leased_first_and_nothing_else_of_the_host(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=POLITE)
    await rig.submit("careless", entry("http://a.test/x"), options=FREE)
    one, two = rig.worker("w1"), rig.worker("w2")
    leases = await one.lease(9)
    robots = [lease for lease in leases if lease.kind is LeaseKind.ROBOTS]
    assert [lease.origin for lease in robots] == ["http://a.test"]
    assert leases[-1] is robots[0]
    assert await two.lease(9) == []
    await one.commit_robots(robots[0], body=b"User-agent: *")
    assert len(await two.lease(9)) >= 3


async def test_the_fleet_knows_robots_until_they_expire(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=JobOptions())
    one, two = rig.worker("w1"), rig.worker("w2")
    await one.commit_robots(await one.one(), body=b"body \xff\0", ttl=3600)
    known = await two.frontier.robots("http://a.test")
    assert known
    assert (known.body, known.failure) == (b"body \xff\0", "")
    assert 0 < await rig.redis.pttl(KEY) <= 3600_000
    await rig.redis.delete(KEY)
    assert await two.frontier.robots("http://a.test") is None
    assert (await two.one()).kind is LeaseKind.ROBOTS


async def test_robots_that_cannot_be_had_leave_their_class(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=POLITE)
    worker = rig.worker()
    await worker.commit_robots(await worker.one(), failure="U")
    known = await worker.frontier.robots("http://a.test")
    assert known
    assert (known.body, known.failure) == (b"", "U")
    assert (await worker.one()).kind is LeaseKind.URL


async def test_robots_are_kept_per_scheme_and_port_the_gate_per_host(rig: Rig) -> None:
    urls = ["http://a.test/", "https://a.test/", "http://a.test:81/", "https://a.test/?q", "https://a.test/f"]
    await rig.submit("j", *[entry(url, host="a.test") for url in urls], options=JobOptions())
    worker, origins, fetched = rig.worker(), [], 0
    while leases := await worker.lease(9):
        assert len(leases) == 1
        if leases[0].kind is LeaseKind.ROBOTS:
            origins.append(leases[0].origin)
            await worker.commit_robots(leases[0])
        else:
            fetched += 1
            await worker.commit(leases[0])
    assert origins == ["http://a.test", "https://a.test", "http://a.test:81"]
    assert fetched == 5


async def test_the_crawl_delay_holds_between_robots_and_the_first_page_and_later(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=JobOptions(cap=3))
    worker = rig.worker()
    robots = worker.start(await worker.one())
    await rig.sleep(0.2, worker)
    await worker.commit_robots(robots, crawl_delay=2)
    await rig.sleep(1.75, worker)
    assert await worker.lease() == []
    await rig.sleep(0.1, worker)
    first = worker.start(await worker.one())
    await worker.frontier.started(first)
    await rig.sleep(1.9, worker)
    assert await worker.lease() == []
    await rig.sleep(0.1, worker)
    assert len(await worker.lease()) == 1


async def test_the_slowest_crawl_delay_of_a_hosts_origins_holds(rig: Rig) -> None:
    others = [entry(f"http://a.test:81/{i}", host="a.test") for i in range(3)]
    await rig.submit("j", entry("http://a.test/"), *others, options=POLITE)
    worker = rig.worker()
    await worker.commit_robots(await worker.one(), crawl_delay=3)
    await rig.sleep(3, worker)
    await worker.commit(worker.start(await worker.one()))
    await rig.sleep(3.1, worker)
    await worker.commit_robots(worker.start(await worker.one()), crawl_delay=1)
    for _ in range(2):
        await rig.sleep(2.9, worker)
        assert await worker.lease() == []
        await rig.sleep(0.2, worker)
        await worker.commit(worker.start(await worker.one()))


async def test_robots_that_nobody_asked_for_are_not_fetched(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=FREE)
    assert (await rig.worker().one()).kind is LeaseKind.URL


async def test_robots_that_were_given_back_hold_the_host_for_the_delay(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=POLITE)
    worker = rig.worker()
    await worker.release(await worker.one(), delay=10)
    await rig.sleep(9, worker)
    assert await worker.lease() == []
    await rig.sleep(1, worker)
    assert (await worker.one()).kind is LeaseKind.ROBOTS


async def test_robots_of_a_dead_worker_are_leased_to_another(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=POLITE)
    one, two = rig.worker("w1"), rig.worker("w2")
    robots = await one.one()
    await rig.expire()
    assert (await two.one()).kind is LeaseKind.ROBOTS
    with pytest.raises(LeaseLost):
        await one.frontier.commit_robots(robots, ttl=60)
    assert await rig.redis.hget(f"{{pdfs}}:host:{host_id('a.test')}", "robots") is not None


async def test_robots_are_not_kept_longer_than_the_crawl_delay_of_an_idle_host(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=POLITE)
    worker = rig.worker()
    await worker.commit_robots(await worker.one(), crawl_delay=5, ttl=30 * 86_400)
    assert await rig.redis.ttl(KEY) <= 86_400
    await rig.sleep(5.1, worker)
    await worker.work()
    assert await rig.redis.ttl(f"{{pdfs}}:host:{host_id('a.test')}") >= 86_390


async def test_robots_that_may_not_be_reached_are_known_to_urls_of_that_reach_only(rig: Rig) -> None:
    """Jobs of different reach take turns at a host, and neither keeps the other from its end."""
    for name, reach in (("j", 0), ("k", 2), ("l", 3)):
        await rig.submit(name, entry(f"http://a.test/{name}", reach=reach), options=POLITE)
    worker, robots = rig.worker(), []
    ended: dict[str, str | None] = {}
    for _ in range(20):
        for lease in await worker.lease():
            if lease.kind is LeaseKind.URL:
                assert lease.entry
                assert lease.reach == lease.entry.reach
                known = await worker.frontier.robots("http://a.test", lease.reach)
                ended[lease.entry.url[-1]] = known and known.failure
                await worker.commit(lease)
            else:
                robots.append(lease.reach)
                await worker.commit_robots(lease, failure="" if lease.reach == 3 else "S", body=b"rules")
        if len(ended) == 3:
            break
    assert len(robots) == len(set(robots)) <= 3
    assert ended["l"] == ""
    assert set(ended.values()) <= {"", "S"}


async def test_robots_that_were_fetched_are_known_to_urls_of_every_reach(rig: Rig) -> None:
    await rig.submit("j", entry("http://a.test/1", reach=2), entry("http://a.test/2"), options=POLITE)
    worker = rig.worker()
    robots = await worker.one()
    assert (robots.kind, robots.reach) == (LeaseKind.ROBOTS, 2)
    await worker.commit_robots(robots, body=b"rules")
    assert {lease.kind for lease in await worker.lease(9)} == {LeaseKind.URL}


async def test_a_redirected_robots_lease_goes_on_under_the_gate_of_the_other_host(rig: Rig) -> None:
    free = JobOptions(delay=0, cap=1, robots=0)
    await rig.submit("a", entry("http://a.test/1"), options=JobOptions(delay=1_000))
    await rig.submit("b", *[entry(f"http://b.test/{n}", host="b.test") for n in range(3)], options=free)
    one, two = rig.worker("w1"), rig.worker("w2")
    leases = {lease.kind: lease for lease in await one.lease(9)}
    robots, page = one.start(leases[LeaseKind.ROBOTS]), leases[LeaseKind.URL]
    assert await one.frontier.visit(robots, "b.test") is None
    assert await two.lease(9) == []
    await one.commit(page)
    assert await two.lease(9) == []
    robots.started_at = None
    wait = await one.frontier.visit(robots, "b.test")
    assert wait is not None
    assert await two.lease(9) == []
    await one.commit_robots(one.start(robots), body=b"User-agent: *")
    await rig.sleep(1.1, one, two)
    kinds = [lease.kind for lease in await two.lease(9)]
    assert kinds == [LeaseKind.URL] * 2


async def test_hosts_that_a_dead_workers_robots_lease_kept_are_open_again(rig: Rig) -> None:
    await rig.submit("a", entry("http://a.test/1"), options=POLITE)
    await rig.submit("b", entry("http://b.test/1", host="b.test"), options=FREE)
    one, two = rig.worker("w1"), rig.worker("w2")
    for lease in await one.lease(9):
        if lease.kind is LeaseKind.ROBOTS:
            assert await one.frontier.visit(one.start(lease), "c.test") is not None
            robots = lease
        else:
            await one.commit(lease)
    with pytest.raises(LeaseLost):
        await two.frontier.visit(robots, "c.test")
    await rig.expire()
    assert (await two.one()).kind is LeaseKind.ROBOTS
    assert not await rig.redis.exists(f"{{pdfs}}:host:{host_id('c.test')}:flight")
    assert await rig.redis.hget(f"{{pdfs}}:host:{host_id('c.test')}", "robots") is None


async def test_two_robots_leases_do_not_meet_at_one_host(rig: Rig) -> None:
    await rig.submit("a", entry("http://a.test/1"), entry("http://b.test/1", host="b.test"), options=POLITE)
    worker = rig.worker()
    one, two = await worker.lease(9)
    with pytest.raises(HostTaken):
        await worker.frontier.visit(worker.start(one), urlsplit(two.origin).hostname or "")
    await worker.commit_robots(worker.start(two))
    one.started_at = None
    assert await worker.frontier.visit(one, urlsplit(two.origin).hostname or "") is not None


SCHEMES = ("http://", "https://", "HTTP://")
USERINFO = ("", "info@", "user:pw@", "a@b@", ":@", "us%40er:p%2Fw@")
NAMES = ("a.test", "A.TEST", "münchen.test", "127.1", "[0:0::1]", "xn--a.test.", "x" * 60 + ".test")
PORTS = ("", ":80", ":443", ":8080", ":65535", ":")
PATHS = ("", "/", "?q=@/", "#f@x/", "/a@b:1/", "/http://b.test/")
SPELLINGS = Random(1).sample(["".join(parts) for parts in product(SCHEMES, USERINFO, NAMES, PORTS, PATHS)], 60)


async def test_the_record_of_every_url_is_found_by_workers_and_by_the_frontier(rig: Rig) -> None:
    """Whatever the URL looks like, a robots lease ends with a record by which its URL is leased."""

    async def check(url: str) -> None:
        await rig.redis.flushall()
        try:
            made = seed(url)
        except InvalidInput:
            return
        await rig.submit("j", made, options=POLITE, seal=True)
        worker = rig.worker()
        robots = await worker.one()
        assert robots.origin == origin_of(made.url)
        await worker.commit_robots(robots)
        lease = await worker.one()
        assert lease.entry is not None
        assert "@" not in origin_of(lease.entry.url)
        assert await worker.frontier.robots(origin_of(lease.entry.url)) is not None
        await worker.commit(lease)
        assert (await rig.status("j"))["state"] == "finished"
        await worker.frontier.leave()

    for url in SPELLINGS:
        await check(url)


async def test_a_url_that_is_given_back_again_and_again_ends(rig: Rig) -> None:
    await rig.submit("j", *pages(1), seal=True)
    worker = rig.worker()
    for _ in range(1_000):
        lease = await worker.one()
        if lease.kind is LeaseKind.VERDICT:
            break
        await worker.release(lease, returned=True)
    assert lease.verdict == Outcome.INTERNAL_ERROR.code
    await worker.release(lease, returned=True)  # as where the database is away
    lease = await worker.one()
    assert lease.kind is LeaseKind.VERDICT
    await worker.commit(lease, Outcome.INTERNAL_ERROR)
    assert (await rig.status("j"))["state"] == "finished"


async def test_a_url_that_was_not_worked_on_is_given_back_as_often_as_it_takes(rig: Rig) -> None:
    await rig.submit("j", *pages(1))
    worker = rig.worker()
    for _ in range(300):
        await worker.release(await worker.one())
    assert (await worker.one()).kind is LeaseKind.URL


async def test_a_robots_txt_that_is_given_back_again_and_again_cannot_be_had(rig: Rig) -> None:
    await rig.submit("j", *pages(1), options=POLITE)
    worker = rig.worker()
    for _ in range(1_000):
        lease = await worker.one()
        if lease.kind is not LeaseKind.ROBOTS:
            break
        await worker.release(lease, returned=True)
    assert lease.kind is LeaseKind.URL
    known = await worker.frontier.robots("http://a.test")
    assert known
    assert known.failure == Outcome.ROBOTS_UNAVAILABLE.code


async def test_that_robots_cannot_be_had_is_known_until_a_url_has_ended_by_it(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=JobOptions(delay=0, cap=1))
    worker = rig.worker()
    await worker.commit_robots(await worker.one(), failure="D", ttl=0.001)
    await rig.sleep(60, worker)
    url = await worker.one()
    assert url.kind is LeaseKind.URL
    await worker.commit(url)
    assert (await worker.one()).kind is LeaseKind.ROBOTS
