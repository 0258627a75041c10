"""Who asked for it is told when a job ends or stalls, at least once, whoever is gone or away meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller

from pdfspider.formatting import OUTCOMES_BY_NAME
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import CommitRequest
from pdfspider.frontier.reports.fleet import Fleet
from pdfspider.items import Outcome
from pdfspider.notification_config import MailConfig, NotificationConfig
from pdfspider.notifications import notifier as module
from pdfspider.notifications.alert_watch import AlertWatch, firing
from pdfspider.notifications.alerts import RULES, AlertRule, FleetReading
from pdfspider.notifications.notifier import Notifier
from pdfspider.notifications.stall_watch import StallWatch
from pdfspider.tasks import end
from tests.frontier.rig import FREE, entry, pages
from tests.gateway.inprocess import service_on
from tests.support import PATIENCE, ROOT, free_port

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
        notifier = Notifier(config(url), frontier, 8)
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
        notifiers = [Notifier(config(one, two), frontier, 8) for _ in range(3)]
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
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    async with hook() as (url, found):
        notifier = Notifier(config(url), frontier, 8)
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
    monkeypatch.setattr(module, "IDLE_MS", 1)
    async with hook() as (url, found):
        dead = Notifier(config(url), frontier, 8)
        await dead.open()
        found.statuses = [503] * 3
        await crawl(frontier, "one")
        await until(lambda: found.refused)
        await end(dead._tasks)  # as kill -9
        await dead._senders[0].destination.close()
        found.statuses = []
        other = Notifier(config(url), frontier, 8)
        await other.open()
        await until(lambda: found.taken)
        await other.close()
    assert found.taken[0]["job"] == "one"


async def test_the_last_events_are_sent_before_a_worker_closes(frontier: Frontier) -> None:
    async with hook() as (url, found):
        notifier = Notifier(config(url), frontier, 8)
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
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    box = Box()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        mail = MailConfig(sender="spider@example.org", host="127.0.0.1", port=server.port)
        notifier = Notifier(config("mailto:ops@example.org", mail=mail), frontier, 8)
        await notifier.open()
        box.reply = "451 later"
        await crawl(frontier, "one", Outcome.TIMEOUT)
        await asyncio.sleep(0.05)
        box.reply = "250 OK"
        await until(lambda: box.mails)
        await notifier.close()
    finally:
        server.stop()
    assert len({envelope.content.partition(b"Message-ID: ")[2][:60] for envelope in box.mails}) == 1, "at least once"
    envelope = box.mails[0]
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


async def test_an_alert_is_told_by_webhook_and_mail_when_it_begins_and_when_it_ends(
    frontier: Frontier, redis_url: str
) -> None:
    await frontier.submit("j", [entry("http://a.test/")], options=FREE, seal=True)
    box, clock = Box(), Clock()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        async with hook() as (url, found):
            mail = MailConfig(host="127.0.0.1", port=server.port)
            watch = AlertWatch(frontier, 8)
            notifier = Notifier(config(url, "mailto:ops@example.org", mail=mail), frontier, 8)
            await notifier.open()
            await frontier.redis.setrange("filler", 50_000_000, "x")
            used = (await frontier.redis.info("memory"))["used_memory"]
            await frontier.redis.config_set("maxmemory", int(used / 0.88))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("pdfspider.notifications.alerts.frontier_time", clock.time)
                for second in (0, 60, 119):
                    await clock.look(watch, second)
                    assert await firing(frontier.redis) == []
                await clock.look(watch, 121)
                await clock.look(watch, 240)
                assert [alert.name for alert in await firing(frontier.redis)] == ["PdfspiderRedisFull"]
                await frontier.redis.config_set("maxmemory", 0)
                await clock.look(watch, 260)
            await until(lambda: len(found.taken) >= 2 and len(box.mails) >= 2)
            await notifier.close()
    finally:
        await frontier.redis.config_set("maxmemory", 0)
        server.stop()
    assert {(told["event"], told["alert"]) for told in found.taken} == {
        ("alert", "PdfspiderRedisFull"),
        ("resolved", "PdfspiderRedisFull"),
    }
    assert "of its maxmemory" in found.taken[0]["text"]
    assert found.headers[0]["Pdfspider-Event"] == "alert"
    assert "Subject: pdfspider: PdfspiderRedisFull fires" in box.mails[0].content.decode()


class Clock:
    """The frontier's time, as alerts read it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    async def time(self, _: object) -> int:
        return self.now

    async def look(self, watch: AlertWatch, second: float) -> None:
        self.now = 1_800_000_000_000 + int(second * 1000)
        await watch.look()


def a_reading(**changes: Any) -> FleetReading:
    fleet = Fleet(
        ended=dict.fromkeys(OUTCOMES_BY_NAME, 0),
        retried={},
        stored=0,
        expired=0,
        urls={},
        jobs={},
        hosts_waiting=0,
        hosts_failing=0,
        workers=1,
        workers_wanted=0,
        oldest_ready=0.0,
        memory=0.0,
        messages={},
        pending_results={},
    )
    names = {"ended", "dead", "own_faults", "expired", "rejected", "undelivered"}
    known = {name: value for name, value in changes.items() if name in {"troubles", "pending_for"}}
    counted = dict.fromkeys(names, 0) | {name: value for name, value in changes.items() if name in names}
    of_fleet = {name: value for name, value in changes.items() if name not in names and name not in known}
    reading = FleetReading(0.0, replace(fleet, **of_fleet), [""], counted, {})
    return reading._replace(**known)


CAUSES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "PdfspiderNoWorkers": ({"workers": 0, "workers_wanted": 2}, {"workers": 0}),
    "PdfspiderWorkersInTrouble": ({"troubles": ["", "the disk is full"]}, {"troubles": ["", ""]}),
    "PdfspiderRedisFull": ({"memory": 0.86}, {"memory": 0.85}),
    "PdfspiderBreakersOpen": ({"hosts_failing": 60, "hosts_waiting": 100}, {"hosts_failing": 20}),
    "PdfspiderResultsPending": (
        {"pending_results": {"amqp": 7}, "pending_for": {"amqp": 1300.0}},
        {"pending_for": {"amqp": 60.0}},
    ),
    "PdfspiderNoProgress": ({"oldest_ready": 601.0}, {"oldest_ready": 601.0, "ended": 1}),
    "PdfspiderFailures": ({"ended": 100, "dead": 51}, {"ended": 10, "dead": 10}),
    "PdfspiderWorkersKilled": ({"own_faults": 11}, {"own_faults": 10}),
    "PdfspiderLeasesExpire": ({"expired": 51}, {"expired": 50}),
    "PdfspiderResultsRefused": ({"undelivered": 1}, {}),
    "PdfspiderMessagesRejected": ({"rejected": 101}, {"rejected": 100}),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.alert)
def test_each_alert_has_a_cause_and_fires_at_no_other(rule: AlertRule) -> None:
    cause, harmless = CAUSES[rule.alert]
    assert rule.find(a_reading(**cause))
    assert rule.find(a_reading(**harmless)) == ""
    for alert, (other, _) in CAUSES.items():
        assert alert == rule.alert or rule.find(a_reading(**other)) == ""


def test_alerts_have_the_names_of_those_of_prometheus() -> None:
    rules = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    missing = {rule.alert for rule in RULES if f"alert: {rule.alert}\n" not in rules}
    assert missing == {"PdfspiderWorkersInTrouble"}, "each worker tells Prometheus of itself"


async def test_counters_are_compared_over_a_window(frontier: Frontier) -> None:
    watch, clock, totals = AlertWatch(frontier, 8), Clock(), "{pdfs}:totals"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pdfspider.notifications.alerts.frontier_time", clock.time)
        await frontier.redis.hincrby(totals, "expired", 1000)
        await clock.look(watch, 0)
        await frontier.redis.hincrby(totals, "expired", 60)
        for second in (300, 899):
            await clock.look(watch, second)
            assert await firing(frontier.redis) == []
        await clock.look(watch, 900)
        (alert,) = await firing(frontier.redis)
        assert (alert.name, alert.text) == ("PdfspiderLeasesExpire", "60 leases expired in 15 min.")
        await clock.look(watch, 1200)
        assert len(await firing(frontier.redis)) == 1
        await clock.look(watch, 1800)
        assert await firing(frontier.redis) == []


async def test_a_metadata_service_is_no_webhook(
    frontier: Frontier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_TRIES", 1)
    notifier = Notifier(config("http://169.254.169.254/latest"), frontier, 8)
    await notifier.open()
    await crawl(frontier, "one")
    await until(lambda: "neither public nor in a private network" in caplog.text)
    await notifier.close()


async def test_a_gateway_sends_them_too(redis_url: str, tmp_path: Path) -> None:
    async with hook() as (url, found), service_on(redis_url, tmp_path, NOTIFY_URLS=url, NOTIFY_SECRET="key") as service:
        notifier = Notifier(service.config.notifications, service.frontier, 8)
        await notifier.open()
        await crawl(service.frontier, "one")
        await notifier.close()
    assert [told["job"] for told in found.taken] == ["one"]
