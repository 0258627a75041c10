"""Why a job is not finished: each reason in a frontier in which it is true."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pdfspider.frontier.block_rules import BlockRule, BlockRules
from pdfspider.frontier.entries import host_id
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.gates import Gates, HostSignal
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.reports.host_states import Clock
from pdfspider.frontier.reports.worker_reports import WorkerReport, WorkerReports
from pdfspider.items import Outcome
from pdfspider.monitoring.outlook import outlook, slowest
from pdfspider.monitoring.reading import Monitor
from pdfspider.monitoring.reasons import Facts, FleetFacts, reason
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig

POLITE = JobOptions(delay=30_000, robots=0)


async def why(rig: Rig, name: str = "j") -> str:
    view = Frontier(rig.redis)
    monitor = Monitor(view, rig.clock)
    (job,) = await view.job_lists.read([(name, await view.run_of(name))])
    return reason(await monitor.facts(job, await monitor.fleet()))


async def test_of_a_job_that_nobody_works_on(rig: Rig) -> None:
    await rig.submit("j", *pages(3), options=FREE, seal=True)
    assert await why(rig) == "No worker is running: start one with scrapy crawl pdfs."
    worker = rig.worker()
    (lease,) = await worker.lease(1)
    assert await why(rig) == "1 URL is being fetched, 2 wait for their turn."
    await rig.control("j", "pause")
    assert await why(rig) == "It is paused: nothing is fetched until it is resumed; 1 URL that had begun may end."
    await worker.commit(lease, Outcome.PAGE)
    assert await why(rig) == "It is paused: nothing is fetched until it is resumed."
    await rig.control("j", "cancel")
    assert await why(rig) == "It is being cancelled: 2 URLs to drop, 0 still being fetched."
    await rig.sweep()
    assert await why(rig) == "Cancelled."


async def test_of_a_job_that_takes_more_urls(rig: Rig) -> None:
    await rig.submit("j", entry("http://a.test/1"), options=FREE)
    await rig.submit("default", options=FREE)
    worker = rig.worker()
    (lease,) = await worker.lease(1)
    assert await why(rig) == "The last URL is being fetched."
    await worker.commit(lease, Outcome.PAGE)
    assert "it waits for more, because it is not sealed" in await why(rig)
    assert "the job default never does" in await why(rig, "default")


async def test_of_hosts_that_are_slow_busy_or_in_trouble(rig: Rig) -> None:
    await rig.submit("j", *pages(3), options=POLITE, seal=True)
    worker = rig.worker()
    (lease,) = await worker.lease(3)
    said = await why(rig)
    assert said.startswith(
        "1 URL is being fetched, 2 wait for their hosts: a.test has 2 at one request each 30 s, which"
    )
    await worker.commit(worker.start(lease), Outcome.PAGE)
    assert (await why(rig)).startswith("a.test is asked once each 30 s: again in ")
    await rig.redis.hset(f"{{pdfs}}:host:{host_id('a.test')}", mapping={"crawl": "40000"})
    assert "each 40 s, as its robots.txt asks" in await why(rig)


async def test_of_what_is_blocked(rig: Rig) -> None:
    await rig.submit("j", *pages(5), options=POLITE, seal=True)
    await rig.worker().lease(1)
    rules = BlockRules(rig.redis)
    await rules.add(BlockRule(pattern="*/3", job="other"))
    assert (await why(rig)).endswith("at least.")
    await rules.add(BlockRule(pattern="*/3", job="j"))
    assert (await why(rig)).endswith("at least, less for what is blocked.")


async def test_of_a_host_that_asks_to_be_left_alone(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=FREE, seal=True)
    worker = rig.worker()
    (lease,) = await worker.lease(1)
    lease.host_signal, lease.hold = HostSignal.BUSY, 120.0
    await worker.release(lease, delay=1)
    said = await why(rig)
    assert said.startswith("a.test asked to be left alone, by its status or Retry-After: it is asked again in 2 min")


@pytest.mark.parametrize(
    ("cause", "meaning"),
    [
        (Outcome.DNS_ERROR, "the host's name is not known"),
        (Outcome.CONNECTION_ERROR, "no connection, or one that broke"),
    ],
)
async def test_of_urls_that_failed_and_are_tried_again(rig: Rig, cause: Outcome, meaning: str) -> None:
    await rig.submit("j", entry("http://a.test/1"), options=FREE, seal=True)
    worker = rig.worker()
    (lease,) = await worker.lease(1)
    await worker.release(lease, delay=60, code=cause.code)
    expected = f"1 failed URL waits to be tried again, the first in 1 min: a.test failed with {cause} ({meaning})."
    assert await why(rig) == expected


async def test_of_a_host_that_is_down(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=FREE, seal=True)
    worker = rig.worker(gates=Gates(breaker_failures=3, breaker_seconds=60))
    for _ in range(3):
        lease = worker.start(await worker.one())
        lease.host_signal = HostSignal.DOWN
        await worker.release(lease, delay=1, code=Outcome.TIMEOUT.code)
    said = (
        "a.test has failed 3 times in a row, last with timeout (the server is silent or too slow): it is asked again in"
    )
    assert (await why(rig)).startswith(said)


async def test_of_a_crawl_delay_of_an_hour(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=replace(FREE, robots=1), seal=True)
    worker = rig.worker()
    (lease,) = await worker.lease(1)
    await worker.commit_robots(worker.start(lease), crawl_delay=3600, body=b"User-agent: *\nCrawl-delay: 3600\n")
    assert (await why(rig)).startswith("a.test is asked once each 1 h, as its robots.txt asks: again in ")


@pytest.mark.parametrize(
    ("cause", "shown"),
    [(Outcome.ROBOTS_UNAVAILABLE, "5xx or 429"), (Outcome.CONNECTION_ERROR, "connection-error")],
)
async def test_of_a_robots_txt_that_cannot_be_had(rig: Rig, cause: Outcome, shown: str) -> None:
    await rig.submit("j", *pages(2), options=replace(FREE, robots=1), seal=True)
    worker = rig.worker()
    (lease,) = await worker.lease(1)
    assert lease.origin
    lease.host_signal, lease.hold = HostSignal.BUSY, 90.0
    await worker.frontier.commit_robots(lease, ttl=60, failure=cause.code)
    said = await why(rig)
    assert said.startswith(f"The robots.txt of a.test cannot be had ({shown}), so nothing may be fetched there: it is")


async def test_of_redis_that_is_full(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=FREE, seal=True)
    await rig.worker().lease(0)
    try:
        await rig.redis.config_set("maxmemory", 1000)
        assert "Redis is full" in await why(rig)
    finally:
        await rig.redis.config_set("maxmemory", 0)


async def test_of_workers_that_cannot_go_on(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=FREE, seal=True)
    worker = rig.worker("w1")
    await worker.lease(0)
    report = WorkerReport(
        host="h", pid=1, job="", since=0, memory=1, ended=0, rate=0, bytes_rate=0, trouble="The disk is full"
    )
    await WorkerReports(rig.redis).write("w1", report)
    assert await why(rig) == "No worker can go on: The disk is full."


def facts(**changes: Any) -> Facts:
    job = {"state": "running", "queued": 5, "delayed": 0, "leased": 0, "sealed": True, "name": "j"}
    fleet = FleetFacts(workers=[], memory=0.0, clock=Clock(10_000, 0, 0))
    return replace(Facts(job=job, fleet=fleet, hosts=[], known_hosts=0, robots_failures={}), **changes)


@pytest.mark.parametrize(
    ("state", "said"), [("finished", "Finished."), ("cancelled", "Cancelled."), ("running", "No worker is running")]
)
def test_every_state_has_a_sentence(state: str, said: str) -> None:
    plain = facts()
    assert reason(replace(plain, job={**plain.job, "state": state})).startswith(said)


async def test_the_end_is_told_by_rate_and_by_politeness(rig: Rig) -> None:
    await rig.submit("j", *pages(9), options=POLITE, seal=True)
    await rig.worker().lease(0)
    reports, view = WorkerReports(rig.redis), Frontier(rig.redis)
    await reports._sample(args=[8, 5000])
    run = await view.run_of("j")
    (first,) = await reports.history(run)
    assert (first.left, first.ended, first.documents) == (9, 0, 0)
    await reports._sample(args=[8, 5000])
    assert len(await reports.history(run)) == 1, "no more often than asked"
    hosts = (await Monitor(view, rig.clock).hosts.of_run(run, 5)).hosts
    (job,) = await view.job_lists.read([("j", run)])
    assert outlook(job, [first], hosts, first.time + 1).rate is None, "too early"
    later = {**job, "queued": 4, "done": 5}
    seen = outlook(later, [first], hosts, first.time + 10)
    assert (seen.rate, seen.shrinks) == (0.5, 0.5)
    assert seen.eta == seen.by_politeness >= 8 * 30


async def test_the_slowest_hosts_are_named(rig: Rig) -> None:
    await rig.submit("j", *pages(3), options=POLITE, seal=True)
    hosts = Monitor(Frontier(rig.redis), rig.clock).hosts
    run = await Frontier(rig.redis).run_of("j")
    assert slowest((await hosts.of_run(run, 5)).hosts) == "", "with one host there is nothing to compare"
    await rig.submit("k", *pages(1, "b.test"), *pages(4, "c.test"), options=POLITE, seal=True)
    both = [await hosts.of_run(await Frontier(rig.redis).run_of(job), 5) for job in "jk"]
    said = slowest([host for page in both for host in page.hosts])
    assert said == "slowest hosts: c.test 4 left, 1 min 30 s; a.test 3 left, 1 min"


async def test_a_history_covers_the_whole_run_in_a_bounded_space(rig: Rig) -> None:
    await rig.submit("j", *pages(2), options=FREE)
    reports, run = WorkerReports(rig.redis), await Frontier(rig.redis).run_of("j")
    for _ in range(400):
        await reports._sample(args=[8, 0])
    history = await reports.history(run)
    assert 50 < len(history) <= 120
    assert history == sorted(history)
