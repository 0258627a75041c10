"""How messages get from a transport into the frontier."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings

from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.frontier.connection import connect
from pdfspider.frontier.durability import Durability
from pdfspider.frontier.frontier import Frontier
from pdfspider.gateway.base import Delivery, Receipt, TransportError
from pdfspider.gateway.inbound.rejection_log import MAX_LOGGED
from pdfspider.gateway.outbound.results import ResultMaker
from pdfspider.gateway.service import GatewayService
from pdfspider.records import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from pdfspider.frontier.jobs import Submission

PARTS, OWN = 350, 150


class Noted(Delivery):
    receipt: Receipt | None = None
    comes_again = False

    async def ack(self, receipt: Receipt) -> None:
        self.receipt = receipt

    async def reject(self, reason: str) -> None:
        raise AssertionError(reason)

    async def nack(self) -> None:
        self.comes_again = True


class Watched(Frontier):
    """Which jobs were on their way together, and in which order the parts of one were handed in."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.under_way: list[set[str]] = []
        self.most = 0
        self.parts: list[str] = []

    async def submit_all(self, submissions: Sequence[Submission]) -> Any:
        jobs = {submission.job for submission in submissions}
        assert not jobs.intersection(*self.under_way or [set()])
        self.parts += [submission.entries[0].url for submission in submissions if submission.job == "large"]
        self.under_way.append(jobs)
        self.most = max(self.most, len(self.under_way))
        try:
            return await super().submit_all(submissions)
        finally:
            self.under_way.remove(jobs)


@pytest.fixture
async def service(redis_url: str, tmp_path: Path) -> AsyncIterator[GatewayService]:
    known = Settings()
    known.setmodule(defaults)
    known.update({"DATA_DIR": tmp_path, "REDIS_URL": redis_url})
    config, redis = Config.from_settings(known), connect(redis_url)
    results, records = ResultMaker(config), await Database.open(config.database_url)
    yield GatewayService(config, Watched(redis), results, records)
    await results.close()
    await records.close()
    await redis.aclose()


async def test_calls_overlap_and_the_messages_of_a_job_keep_their_order(service: GatewayService) -> None:
    urls = [f"http://example.org/{number}" for number in range(PARTS + OWN)]
    messages = [{"url": url, "job": "large", "seal": url == urls[PARTS - 1]} for url in urls[:PARTS]]
    own = [{"url": url, "task_id": url} for url in urls[PARTS:]]
    mixed = [*own[:120], *messages[:120], *own[120:], *messages[120:]]
    deliveries = [Noted(body=json.dumps(message).encode()) for message in mixed]
    async with asyncio.timeout(60):
        for delivery in deliveries:
            await service.accept("test", delivery)
        await service.close(60)
    frontier = service.frontier
    assert isinstance(frontier, Watched)
    assert frontier.most == 2
    assert frontier.parts == urls[:PARTS]
    receipts = [delivery.receipt for delivery in deliveries if delivery.receipt]
    assert len(receipts) == len(deliveries)
    assert len({receipt.run for receipt in receipts}) == OWN + 1
    assert all(receipt.added == 1 for receipt in receipts)


async def test_what_does_not_get_to_the_disk_comes_again(service: GatewayService) -> None:
    def fail() -> None:
        raise OSError("the disk is broken")

    service.durable = Durability(service.frontier.redis, fail)
    delivery = Noted(body=b"http://example.org/")
    await service.accept("test", delivery)
    await service.close(60)
    assert delivery.comes_again
    assert delivery.receipt is None


class Unsettled(Noted):
    """Cannot be set aside if it has an id."""

    async def reject(self, reason: str) -> None:
        if self.id:
            raise TransportError("the list is full")


async def test_what_is_logged_of_rejected_messages_is_bounded(
    service: GatewayService, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3 * MAX_LOGGED):
        for identity in "later", "later", "":
            await service.accept("test", Unsettled(body=b"not a URL %d" % number, id=identity))
    await service.close(60)
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "not a URL" in line] == lines[:MAX_LOGGED]
    assert lines[MAX_LOGGED:] == ["Further messages from test that are rejected in the next 60 s are not logged"]
    assert service.messages()["test", "rejected"] == 3 * MAX_LOGGED
