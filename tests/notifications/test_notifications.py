"""Who asked for it is told when a job ends or stalls, at least once, whoever is gone or away meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller

from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import CommitRequest
from pdfspider.items import Outcome
from pdfspider.notification_config import MailConfig, NotificationConfig
from pdfspider.notifications import notifier as module
from pdfspider.notifications.notifier import Notifier
from pdfspider.notifications.stall_watch import StallWatch
from tests.frontier.rig import FREE, entry, pages
from tests.gateway.inprocess import service_on
from tests.support import PATIENCE, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.frontier.rig import Rig


class Hook:
    """A webhook that answers with the next status of its list, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.taken: list[dict[str, Any]] = []
        self.refused = 0
        self.headers: list[dict[str, str]] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.headers.append(dict(request.headers))
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            assert request.headers["Pdfspider-Signature"] == (
                "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
            )
            self.taken.append(json.loads(body))
        else:
            self.refused += 1
        return web.Response(status=status)


@asynccontextmanager
async def hook() -> AsyncIterator[tuple[str, Hook]]:
    found, port = Hook(), free_port()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/hook", found
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def frontier(redis_url: str) -> AsyncIterator[Frontier]:
    redis = connect(redis_url)
    yield Frontier(redis, worker="w1")
    await redis.aclose()


async def crawl(frontier: Frontier, job: str, outcome: Outcome = Outcome.DOCUMENT) -> None:
    """Runs a job of one URL to its end."""
    await frontier.submit(job, [entry(f"http://{job}.test/")], options=FREE, seal=True)
    (lease,) = (await frontier.lease(1, 0)).leases
    await frontier.commit(CommitRequest(lease, outcome.code, outcome.dead, 7))


def config(*urls: str, **more: Any) -> NotificationConfig:
    return NotificationConfig(urls=urls, secret="key", **more)


async def test_the_end_of_a_job_is_posted_with_its_figures(frontier: Frontier) -> None:
    async with hook() as (url, found):
        await crawl(frontier, "before")
        notifier = Notifier(config(url), frontier)
        await notifier.open()
        await crawl(frontier, "one")
        await until(lambda: found.taken)
        await notifier.close()
    (told,) = found.taken
    assert (told["event"], told["job"], told["state"]) == ("finished", "one", "finished")
    assert (told["documents"], told["bytes"], told["classes"]) == (1, 7, {"document": 1})
    assert found.headers[0]["Pdfspider-Id"] == f"{told['run']}-finished"


async def test_each_destination_has_each_event_once_whoever_sends(frontier: Frontier) -> None:
    async with hook() as (one, first), hook() as (two, second):
        notifiers = [Notifier(config(one, two), frontier) for _ in range(3)]
        for notifier in notifiers:
            await notifier.open()
        for i in range(5):
            await crawl(frontier, f"j{i}")
        await until(lambda: len(first.taken) >= 5 and len(second.taken) >= 5)
        for notifier in notifiers:
            await notifier.close()
    for found in (first, second):
        assert sorted(told["job"] for told in found.taken) == [f"j{i}" for i in range(5)]


async def test_one_that_is_away_is_tried_again_and_one_that_refuses_is_not(
    frontier: Frontier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    async with hook() as (url, found):
        notifier = Notifier(config(url), frontier)
        await notifier.open()
        found.statuses = [503, 429]
        await crawl(frontier, "away")
        await until(lambda: found.taken)
        found.statuses = [410]
        await crawl(frontier, "refused")
        await crawl(frontier, "after")
        await until(lambda: len(found.taken) == 2)
        await notifier.close()
    assert [told["job"] for told in found.taken] == ["away", "after"]
    assert found.refused == 3
    assert "refuses a notification of job refused: it answered 410" in caplog.text
    assert "/hook" not in caplog.text, "its path may be a secret"


async def test_what_a_dead_process_had_taken_is_sent_by_another(
    frontier: Frontier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENT", 1)
    async with hook() as (url, found):
        dead = Notifier(config(url), frontier)
        await dead.open()
        found.statuses = [503] * 3
        await crawl(frontier, "one")
        await until(lambda: found.refused)
        for task in dead._tasks:  # as kill -9
            task.cancel()
        await asyncio.gather(*dead._tasks, return_exceptions=True)
        await dead._senders[0].destination.close()
        found.statuses = []
        other = Notifier(config(url), frontier)
        await other.open()
        await until(lambda: found.taken)
        await other.close()
    assert found.taken[0]["job"] == "one"


async def test_the_last_events_are_sent_before_a_worker_closes(frontier: Frontier) -> None:
    async with hook() as (url, found):
        notifier = Notifier(config(url), frontier)
        await notifier.open()
        await crawl(frontier, "last")
        await notifier.close()
    assert [told["job"] for told in found.taken] == ["last"]


class Box:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.reply = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - its library calls it
        if self.reply.startswith("250"):
            self.mails.append(envelope)
        return self.reply


async def test_a_mail_says_what_became_of_a_job(frontier: Frontier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    box = Box()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        mail = MailConfig(sender="spider@example.org", host="127.0.0.1", port=server.port)
        notifier = Notifier(config("mailto:ops@example.org", mail=mail), frontier)
        await notifier.open()
        box.reply = "451 later"
        await crawl(frontier, "one", Outcome.TIMEOUT)
        await asyncio.sleep(0.05)
        box.reply = "250 OK"
        await until(lambda: box.mails)
        await notifier.close()
    finally:
        server.stop()
    (envelope,) = box.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("spider@example.org", ["ops@example.org"])
    text = envelope.content.decode()
    assert "Subject: pdfspider: job one is finished, 0 documents" in text
    assert "classes timeout: 1" in text


async def test_a_stall_is_told_once_and_ends_with_progress(rig: Rig) -> None:
    await rig.submit("j", *pages(3), options=JobOptions(cap=1, robots=0))
    await rig.submit("paused", *pages(1, "b.test"))
    await rig.control("paused", "pause")
    worker = rig.worker()
    watch = StallWatch(worker.frontier, 100)

    async def events() -> list[tuple[bytes, bytes]]:
        found = await rig.redis.xrange("{pdfs}:events")
        return [(fields[b"event"], fields[b"job"]) for _, fields in found]

    now = 1_800_000_000_000
    for second, expected in ((0, 0), (60, 0), (101, 1), (300, 1)):
        await _look(watch, now + second * 1000)
        assert len(await events()) == expected, second
    assert await events() == [(b"stalled", b"j")]
    await worker.commit(await worker.one())
    for second, expected in ((310, 1), (400, 1), (411, 2)):
        await _look(watch, now + second * 1000)
        assert len(await events()) == expected, second
    await rig.control("j", "cancel")
    await rig.sweep()
    await _look(watch, now + 900_000)
    assert await rig.redis.hgetall("{pdfs}:progress") == {}


async def _look(watch: StallWatch, now: int) -> None:
    with pytest.MonkeyPatch.context() as patch:

        async def time(_: object) -> int:
            return now

        patch.setattr("pdfspider.notifications.stall_watch.frontier_time", time)
        await watch.look()


async def test_a_metadata_service_is_no_webhook(
    frontier: Frontier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    notifier = Notifier(config("http://169.254.169.254/latest"), frontier)
    await notifier.open()
    await crawl(frontier, "one")
    await until(lambda: "neither public nor in a private network" in caplog.text)
    await notifier.close()


async def test_a_gateway_sends_them_too(redis_url: str, tmp_path: Path) -> None:
    async with hook() as (url, found), service_on(redis_url, tmp_path, NOTIFY_URLS=url, NOTIFY_SECRET="key") as service:
        notifier = Notifier(service.config.notifications, service.frontier)
        await notifier.open()
        await crawl(service.frontier, "one")
        await notifier.close()
    assert [told["job"] for told in found.taken] == ["one"]
