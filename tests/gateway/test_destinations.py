"""Results and events whose destination fails, or refuses them, on a clock that jumps to the next thing to do."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from bench.processes import free_port
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.results.pending_results import PendingResults, unanswered
from pdfspider.frontier.results.undelivered import send_again, undelivered
from pdfspider.gateway.base import RefusedError, RejectedError, Result, TooLargeError, TransportError
from pdfspider.gateway.outbound import result_publisher as module
from pdfspider.gateway.outbound.destinations import MAX_IN_FLIGHT, Destinations
from pdfspider.gateway.outbound.event_publisher import EventPublisher
from pdfspider.gateway.outbound.result_publisher import ResultPublisher
from pdfspider.gateway.outbound.webhook import Webhook
from pdfspider.tasks import end
from tests.gateway.fake_destinations import (
    HOUR,
    FakeFound,
    FakePendingResults,
    FakeResults,
    FakeTransport,
    now,
    on_jumping_clock,
    publish,
)
from tests.gateway.test_pending_results import OWN, submit, take
from tests.gateway.test_pending_results import end as end_job


def test_what_is_being_published_at_the_end_is_published_once() -> None:
    async def test() -> None:
        pending, transport = FakePendingResults(), FakeTransport(lambda *_: None)
        for _ in range(5):
            pending.add("here")
        answers = ResultPublisher(None, transport, FakeResults())
        answers._pending_results = pending
        work = asyncio.create_task(answers.run())
        while not answers._under_way:
            await asyncio.sleep(0.001)
        pending.add("here")
        await answers.stop(HOUR)
        await end([work])
        assert sorted(job for _, job in transport.published["here"]) == [f"job-{run}" for run in range(1, 6)]
        assert list(pending._given) == [6]

    on_jumping_clock(test())


def test_an_outage_of_an_hour_loses_nothing_and_costs_little() -> None:
    async def test() -> None:
        began = now()
        pending = FakePendingResults()
        transport = FakeTransport(lambda *_: TransportError("503") if now() < began + HOUR else None)
        for _ in range(3 * module.MAX_IN_FLIGHT):
            pending.add("webhook")
        await publish(pending, transport, 2 * HOUR)
        assert pending.left == 0
        assert not pending.given_up
        jobs = [job for _, job in transport.published["webhook"]]
        assert sorted(jobs) == sorted({f"job-{run}" for run in pending.messages})
        assert transport.tried["webhook"] - len(jobs) < 500
        assert max(at for at, _ in transport.published["webhook"]) < began + HOUR + 600

    on_jumping_clock(test())


def test_of_a_destination_that_hangs_few_results_are_in_memory() -> None:
    async def test() -> None:
        transport, results, pending = FakeTransport(lambda *_: None), FakeResults(), FakePendingResults()

        async def hang(_: Result) -> None:
            await asyncio.Event().wait()

        transport.publish = hang
        for _ in range(500):
            pending.add("webhook")
        answers = ResultPublisher(None, transport, results)
        answers._pending_results = pending
        work = asyncio.create_task(answers.run())
        await asyncio.sleep(600)
        assert results.described == MAX_IN_FLIGHT
        await end([work])

    on_jumping_clock(test())


@pytest.mark.parametrize("most", [20, 1000])
def test_a_stuck_destination_keeps_only_its_own_results_waiting(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(module, "MAX_IN_FLIGHT", most)

    async def test() -> None:
        began = now()
        pending = FakePendingResults()
        transport = FakeTransport(
            lambda to, _: TransportError("blocked") if to == "stuck" and now() < began + HOUR else None,
            has_destinations=True,
        )
        for _ in range(100):
            pending.add("stuck")
        for _ in range(100):
            pending.add("stuck", "well")  # two masters of one job
            pending.add("well")
        await publish(pending, transport, 300)
        assert len(transport.published["well"]) == 200
        assert max(at for at, _ in transport.published["well"]) < began + 120
        assert transport.tried["stuck"] < 150
        assert not transport.published["stuck"]
        await publish(pending, transport, 2 * HOUR)
        assert len(transport.published["stuck"]) == 200

    on_jumping_clock(test())


def test_what_is_refused_keeps_nothing_else_waiting() -> None:
    """Refused for now, until somebody mends it; for good; and too large."""

    async def test() -> None:
        began = now()
        pending = FakePendingResults()

        def taken(_: str, job: str) -> Exception | None:
            number = int(job.removeprefix("job-"))
            if number <= 100:
                return RejectedError("410")
            if number <= 200:
                return TooLargeError("413") if number <= 110 else RefusedError("500") if now() < began + HOUR else None
            return None

        transport = FakeTransport(taken)
        for _ in range(300):
            pending.add("webhook")
        await publish(pending, transport, 30)
        assert len([at for at, _ in transport.published["webhook"] if at < began + 5]) == 100
        assert sorted(pending.given_up) == list(range(1, 111))
        assert pending.left == 90
        await publish(pending, transport, 2 * HOUR)
        assert pending.left == 0
        assert len(transport.published["webhook"]) == 190
        assert transport.tried["webhook"] < 300 + 90 * 40

    on_jumping_clock(test())


def test_events_that_are_refused_keep_none_of_other_jobs_waiting() -> None:
    async def no_task(*_: Any) -> None:
        return None

    async def test() -> None:
        began = now()

        def taken(job: str, _: str) -> Exception | None:
            number = int(job.removeprefix("job-"))
            if number < 20:
                return RefusedError("500") if now() < began + HOUR else None
            return RejectedError("410") if number < 40 else None

        transport = FakeTransport(taken)
        publisher = EventPublisher(None, transport, FakeResults())
        publisher._found = found = FakeFound()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pdfspider.gateway.outbound.event_publisher.only_task", no_task)
            work = asyncio.create_task(publisher.run())
            await asyncio.sleep(50)
            assert {run for run, _ in found.untold_left} == set(range(20))
            assert {note.run for note in found.notes} == set(range(20))
            assert sum(map(len, transport.published.values())) == 200
            await asyncio.sleep(2 * HOUR)
            await end([work])
        assert not found.untold_left
        assert not found.notes
        assert transport.tried["job-0"] < 20 * 60

    on_jumping_clock(test())


async def test_what_was_refused_for_good_can_be_sent_again(redis_url: str) -> None:
    redis = connect(redis_url)
    frontier = Frontier(redis)
    await submit(frontier, OWN)
    await end_job(frontier)
    pending = PendingResults(redis, "way")
    (ended,) = await take(pending)
    await pending.give_up(ended, b"key", b"record", "410 Gone")
    await pending.settle(ended)
    assert await unanswered(redis) == 0
    assert not [task async for task in pending.tasks(ended.run)]
    (kept,) = [result async for result in undelivered(redis)]
    assert (kept.transport, kept.run, kept.job, kept.reason) == ("way", ended.run, "job", "410 Gone")
    assert not [result async for result in undelivered(redis, "another")]
    await send_again(redis, kept)
    assert not [result async for result in undelivered(redis, "way")]
    (again,) = await take(pending)
    assert again[1:] == ended[1:]
    assert [task async for task in pending.tasks(ended.run)] == [(b"key", b"record")]
    assert await unanswered(redis) == 1
    await redis.aclose()


async def test_what_the_answers_of_a_webhook_mean() -> None:
    statuses = {
        204: None,
        **dict.fromkeys((400, 410, 415, 422), RejectedError),
        **dict.fromkeys((301, 401, 403, 404, 408, 409, 500), RefusedError),
        **dict.fromkeys((429, 502, 503, 504), TransportError),
        413: TooLargeError,
    }
    port = free_port()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=int(request.path[1:]))

    app = web.Application()
    app.add_routes([web.post("/{status}", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        for status, expected in statuses.items():
            assert await posted(f"http://127.0.0.1:{port}/{status}") is expected, status
    finally:
        await runner.cleanup()
    assert await posted(f"http://127.0.0.1:{port}/204") is TransportError


async def posted(url: str) -> type[Exception] | None:
    webhook = Webhook(url, "")
    try:
        await webhook.post("result", "id", b"{}")
    except TransportError as error:
        return type(error)
    finally:
        await webhook.close()
    return None


async def test_destinations_that_fail_again_and_again_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Also where nobody holds them in between, so that each is made anew."""

    async def fail() -> None:
        raise TransportError("there is no connection")

    async def work() -> None: ...

    known = Destinations("Results", "amqp")
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            for name in ("", "first", "second"):
                with suppress(TransportError):
                    await known[name].send(fail, permitted=True)
            for name in ("", "first", "second"):
                await known[name].send(work, permitted=True)
    assert sum("cannot be published by amqp" in message for message in caplog.messages) == 1
    assert sum("takes results again" in message for message in caplog.messages) == 1
