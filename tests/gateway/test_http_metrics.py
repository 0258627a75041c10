"""The gateway's metrics and probes: what they tell, and to whom."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import ClientSession

from bench.processes import free_port
from pdfspider.frontier.reports.fleet import read_fleet
from pdfspider.gateway.gateway import _add_messages
from pdfspider.gateway.transports.http.transport import HttpTransport
from tests.gateway.inprocess import listening, service_on

if TYPE_CHECKING:
    from pathlib import Path


async def test_metrics_need_the_token_and_probes_do_not(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    async with (
        service_on(redis_url, tmp_path, GATEWAY_TOKEN="secret") as service,
        listening(HttpTransport(f"http://127.0.0.1:{port}", service)),
        ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        for path, status in (("/metrics", 401), ("/healthz", 200), ("/readyz", 200)):
            async with client.get(path) as response:
                assert response.status == status, path
        async with client.get("/metrics", headers={"Authorization": "Bearer secret"}) as response:
            assert response.status == 200
            assert "pdfspider_workers_wanted 0.0" in await response.text()
        service.health("http").begin("nobody listens")
        async with client.get("/readyz") as response:
            assert (response.status, (await response.json())["reasons"]) == (503, ["http: nobody listens"])


async def test_messages_of_all_gateways_are_counted_together(redis_url: str, tmp_path: Path) -> None:
    async with service_on(redis_url, tmp_path) as one, service_on(redis_url, tmp_path) as other:
        counted: Counter[tuple[str, str]] = Counter()
        one.health("amqp").received = 3
        await _add_messages(one, counted)
        one.health("amqp").received = 5
        one.health("amqp").published = 1
        await _add_messages(one, counted)
        other.health("amqp").received = 2
        await _add_messages(other, Counter())
        found = await read_fleet(one.frontier.redis, one.frontier.start_urls, 32)
    numbers = {"received": 7, "published": 1, "rejected": 0, "undelivered": 0}
    assert found.messages == {("amqp", result): number for result, number in numbers.items()}
    assert found.pending_results == {"amqp": 0}
