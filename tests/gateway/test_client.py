"""The client for masters in Python, against a gateway."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession

from bench.processes import free_port
from pdfspider.client import AsyncClient, Client, ClientError, Job
from pdfspider.frontier.connection import connect
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start
    from tests.support import Fleet

TOKEN = "known to both"
STREAMS = "tasks=client_tasks&results=client_results&events=client_events&rejects=client_rejects"


@pytest.fixture
def urls(gateway: Start, served: Fleet) -> dict[str, str]:
    """Of one gateway, which has been killed and started again."""
    found = {"http": f"http://127.0.0.1:{free_port()}", "redis": f"{served.redis_url}?{STREAMS}"}
    gateway(",".join(found.values()), GATEWAY_TOKEN=TOKEN).kill()
    gateway(",".join(found.values()), GATEWAY_TOKEN=TOKEN)
    return found


def submit(client: Client, site: Server, **fields: object) -> Job:
    return client.submit(site.url, depth=3, scope="any", meta={"order": 7}, **fields)


def test_both_ways_with_and_without_asyncio(urls: dict[str, str], site: Server, tmp_path: Path) -> None:
    expected = site.site.expected()
    for way, url in urls.items():
        with Client(url, token=TOKEN) as client:
            job = submit(client, site)
            documents = {document.url: document for document in job.documents()}
            result = job.wait(PATIENCE)
            assert (result.state, result.meta, result.urls) == ("finished", {"order": 7}, (site.url,))
            assert set(documents) == {document.url for document in result.documents}
            assert {url: document.sha256 for url, document in documents.items()} == {
                url: expected[url] for url in documents
            }
            assert len(documents) == result.counts["documents"] == 9
            one = documents[site.site.document_url(3)]
            assert hashlib.sha256(client.read(one)).hexdigest() == one.sha256
            assert b"".join(client.chunks(one)) == client.read(one)
            client.save(one, tmp_path / way)
            assert (tmp_path / way).stat().st_size == one.size
            with pytest.raises(ClientError, match="nonsense"):
                client.submit("nonsense").wait(PATIENCE)
            stuck = client.submit(site.url, job=f"open-by-{way}", seal=False)
            with pytest.raises(TimeoutError):
                stuck.wait(0.2)
            for document in job.documents():  # not to its end
                assert document.size
                break


async def test_jobs_are_controlled_by_asyncio(urls: dict[str, str], site: Server) -> None:
    async with AsyncClient(urls["http"], token=TOKEN) as client, AsyncClient(urls["redis"]) as by_redis:
        job = await client.submit(site.url, job="controlled", seal=False)
        assert job.name == "controlled"
        await job.pause()
        assert (await client.job("controlled").status()).state == "paused"
        await job.resume()
        await job.cancel()
        assert (await job.wait(PATIENCE)).state == "cancelled"
        with pytest.raises(ClientError) as missing:
            await client.job("nobody").status()
        assert missing.value.status == 404
        with pytest.raises(ClientError, match="use HTTP"):
            await by_redis.job("controlled").status()
        result = await (await by_redis.submit(site.site.document_url(1))).wait(PATIENCE)
        assert [document.url for document in result.documents] == [site.site.document_url(1)]
        async with AsyncClient(urls["http"], token="wrong") as stranger:
            with pytest.raises(ClientError) as refused:
                await stranger.submit(site.url)
            assert refused.value.status == 401

        sha256 = result.documents[0].sha256
        mine = {"Authorization": f"Bearer {TOKEN}"}
        async with ClientSession(urls["http"]) as plain:
            async with plain.get(f"/documents/{sha256}") as unknown:
                assert unknown.status == 401
            async with plain.get(f"/documents/{sha256}", headers=mine) as found:
                assert found.headers["Content-Disposition"] == f'attachment; filename="{sha256}.pdf"'
                assert found.headers["X-Content-Type-Options"] == "nosniff"
                assert found.content_type == "application/pdf"
                assert hashlib.sha256(await found.read()).hexdigest() == sha256
            for path, status in {"0" * 64: 404, "..%2F..%2Fpdfs.db": 400, sha256.upper(): 400}.items():
                async with plain.get(f"/documents/{path}", headers=mine) as wrong:
                    assert wrong.status == status


def test_a_gateway_that_is_away_is_waited_for(gateway: Start, site: Server) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url, timeout=0.6) as hasty, pytest.raises(ClientError, match="cannot be reached"):
        hasty.submit(site.url)
    with Client(url, timeout=PATIENCE) as client:
        jobs: list[Job] = []
        handing_in = threading.Thread(target=lambda: jobs.append(client.submit(site.site.document_url(2), seal=True)))
        handing_in.start()
        first = gateway(url)
        handing_in.join(PATIENCE)
        results = []
        waiting = threading.Thread(target=lambda: results.append(jobs[0].wait(PATIENCE)))
        waiting.start()
        first.kill()
        second = gateway(url)
        waiting.join(PATIENCE)
        assert results[0].counts["documents"] == 1
        second.stop()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("amqp://127.0.0.1/", "expected http"),
        ("redis://127.0.0.1/?colour=red", "colour"),
        ("redis://u:secret@127.0.0.1:port/", r"\*\*\*.*port"),
    ],
)
def test_what_is_no_gateway(url: str, reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        Client(url)


async def test_another_server_is_no_gateway(site: Server) -> None:
    for url in site.url, "http://127.0.0.1:99999", "http://":
        async with AsyncClient(url, timeout=0.1) as client:
            for call in client.job("a/b").status(), client.job("a?b").wait(), client.submit(site.url):
                with pytest.raises(ClientError):
                    await call


async def test_a_reject_is_found_among_any_number_and_once(redis_url: str) -> None:
    """Nobody serves here: what a gateway and others would write is written by this test."""
    urls = ["http://127.0.0.1/"]
    reject = json.dumps({"message": json.dumps({"task_id": "same", "urls": urls}), "reason": "no room"})
    result = json.dumps(
        {"task_id": "same", "job": "j", "run": 1, "state": "finished", "counts": {}, "classes": {}}
        | {"documents": [], "failures": [], "truncated": False}
    )
    async with AsyncClient(redis_url) as client, connect(redis_url) as redis:
        job = await client.submit(*urls, task_id="same")
        await redis.lpush("pdf_tasks:rejected", reject, *(f"foreign {number}" for number in range(300)))
        with pytest.raises(ClientError, match="no room"):
            await job.wait(PATIENCE)
        again = await client.submit(*urls, task_id="same")
        await redis.lpush("pdf_tasks:rejected", '{"message": 1}', "[]")
        await redis.xadd("pdfs:results", {"foreign": "1"})
        await redis.xadd("pdfs:results", {"result": "[1]"})
        waiting = asyncio.create_task(again.wait(PATIENCE))
        await asyncio.sleep(0)
        await redis.xadd("pdfs:results", {"result": result})
        assert (await waiting).job == "j"


async def test_what_only_a_person_can_mend_is_told_at_once(redis_url: str) -> None:
    async with AsyncClient(redis_url, timeout=PATIENCE) as client, connect(redis_url) as redis:
        await redis.set("pdf_tasks:stream", "text")
        with pytest.raises(ClientError, match="WRONGTYPE"):
            await client.submit("http://127.0.0.1/")
        await redis.acl_setuser("reader", enabled=True, passwords=["+known"], categories=["+@all"], keys=["*"])
    async with AsyncClient(redis_url.replace("unix://", "unix://reader:other@"), timeout=PATIENCE) as client:
        with pytest.raises(ClientError, match="username-password"):
            await client.submit("http://127.0.0.1/")
