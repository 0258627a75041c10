"""Workers that are asked to stop, and what becomes of their work."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from threading import Event

import pytest

from bench.server import serve
from bench.site import Site
from pdfspider.tasks import end
from tests.crawl.hostile import Request, document, hostile, page, reply
from tests.support import INJECTED, PATIENCE, Fleet, until

GRACE = 1


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_hung_fetches_are_released(fleet: Fleet, signum: signal.Signals) -> None:
    """And another worker gets them at once."""
    slow = [f"/hung/{n}" for n in range(3)]
    with hostile({"/": page(*slow)}) as server:
        server.answers |= {path: lambda request: request.hang() for path in slow}
        worker = fleet.start(server.url(), FRONTIER_GRACE=GRACE)
        until(lambda: set(slow) <= set(server.paths()))
        worker.send(signum)
        assert worker.wait() == 0, worker.output
        job = fleet.job()
        assert (job["queued"] + job["delayed"], job["leased"], job["done"]) == (3, 0, 1)
        assert fleet.status()["workers"] == {}
        server.answers |= {path: page() for path in slow}
        fleet.crawl(server.url())
        rows = fleet.rows()
        assert {row["attempt"] for row in rows} == {1}, "a release is not a failed try"
    fleet.audit()


def test_a_hung_robots_txt_holds_nobody_up(fleet: Fleet) -> None:
    with hostile({"/": page()}) as server:
        server.answers["/robots.txt"] = lambda request: request.hang()
        worker = fleet.start(server.url(), FRONTIER_GRACE=GRACE)
        until(lambda: "/robots.txt" in server.paths())
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0, worker.output
        server.answers["/robots.txt"] = reply(b"", "text/plain")
        fleet.crawl(server.url())
        assert fleet.outcomes() == {server.url(): "page"}
    fleet.audit()


def test_a_fetch_that_ends_within_the_grace_is_kept(fleet: Fleet) -> None:
    with serve(Site(hosts=1, pages=1, documents=0)) as server:
        url = f"{server.url}slow?ms=1500"
        worker = fleet.start(url, FRONTIER_GRACE=10)
        until(lambda: worker.has_sent(2))
        worker.send(signal.SIGTERM)
        worker.finish()
        assert fleet.outcomes() == {url: "page"}
    fleet.audit()


def test_an_idle_worker_ends_at_once(fleet: Fleet) -> None:
    (worker,) = fleet.stand(1)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0, worker.output
    assert fleet.status()["workers"] == {}


def test_a_worker_that_has_not_begun_ends_as_well(fleet: Fleet) -> None:
    worker = fleet.start(EXTENSIONS={f"{INJECTED}.StoppedAtOnce": 0})
    assert worker.wait() == 0
    assert worker.output == ""
    assert fleet.status()["workers"] == {}


def test_two_signals_end_it_even_sooner(fleet: Fleet) -> None:
    with hostile({"/": lambda request: request.hang()}) as server:
        worker = fleet.start(server.url(), FRONTIER_GRACE=10 * PATIENCE, DOWNLOAD_TIMEOUT=10 * PATIENCE)
        until(lambda: "/" in server.paths())
        worker.send(signal.SIGTERM)
        worker.send(signal.SIGINT)  # another one, for two of the same kind may come as one
        worker.wait()


def test_the_same_command_again_goes_on_where_it_stopped(fleet: Fleet) -> None:
    with serve(Site(hosts=2, pages=40, documents=80), latency=40) as server:
        worker = fleet.start(server.url, arguments={"scope": "any"}, CONCURRENT_REQUESTS=4)
        until(lambda: worker.has_sent(40))
        worker.send(signal.SIGINT)
        worker.finish()
        finished = {row["url"] for row in fleet.rows()}
        assert 20 < len(finished) < 120
        before = len(server.log())
        fleet.crawl(server.url, arguments={"scope": "any"})
        again = {f"http://{entry.address}:{server.port}{entry.path}" for entry in server.log()[before:]}
        assert not again & finished
        assert fleet.files() == set(server.site.expected().values())
    fleet.audit()


def test_a_worker_that_slept_too_long_does_no_harm(fleet: Fleet) -> None:
    """It sleeps in the middle of three fetches, with more in its buffer."""
    lease = {"FRONTIER_LEASE_SECONDS": 2}
    links = [f"/{n}.pdf" for n in range(12)]
    visits: Counter[str] = Counter()
    asleep = Event()

    def hang_until_asleep(request: Request) -> None:
        visits[request.path] += 1
        if asleep.is_set():
            request.send(reply(document(request.path)))
        else:
            request.hang()

    with hostile({"/": page(*links)}) as server:
        server.answers |= dict.fromkeys(links, hang_until_asleep)
        sleeper = fleet.start(server.url(), CONCURRENT_REQUESTS=3, **lease)
        until(lambda: len(visits) == 3 and fleet.job()["leased"] > 3)
        sleeper.send(signal.SIGSTOP)
        asleep.set()
        fleet.crawl(server.url(), **lease)
        before = len(server.seen)
        sleeper.send(signal.SIGCONT)
        sleeper.finish()
        assert len(server.seen) == before, "what has passed to others is not fetched again"
        assert sorted(visits.values()) == [1] * 9 + [2] * 3
        assert set(fleet.outcomes().values()) == {"page", "document"}
    fleet.audit()


def test_a_worker_ends_with_its_job_though_another_goes_on(fleet: Fleet) -> None:
    with hostile({"/mine": page("/mine.pdf"), "/other": lambda request: request.hang()}) as server:
        server.answers["/mine.pdf"] = reply(document("mine"))
        fleet.push(server.url("/other", host=2))
        worker = fleet.start(server.url("/mine"), FRONTIER_GRACE=GRACE)
        assert worker.wait() == 0, worker.output
        jobs = fleet.status()["jobs"]
        assert [jobs["default"][counter] for counter in ("queued", "leased", "done")] == [1, 0, 0]


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    swallowed = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(True)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await end([task])
    assert task.cancelled()
    assert swallowed
