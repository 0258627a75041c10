"""What Redis's masters may rely on besides, and the limits that hold for all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.crawl.hostile import document, hostile, page, redirect, reply
from tests.servers.processes import RedisProcess
from tests.support import Fleet, until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start


@pytest.fixture
def clean(served: Fleet) -> Fleet:
    with served.client() as client:
        client.delete("pdfs:results", "pdfs:items")
    return served


def results(fleet: Fleet) -> list[dict]:
    with fleet.client() as client:
        return [json.loads(fields[b"result"]) for _, fields in client.xrange("pdfs:results")]


def test_sets_streams_groups_and_items(clean: Fleet, gateway: Start, site: Server) -> None:
    running = gateway("redis:?items=pdfs:items")
    with clean.client() as client:
        client.xgroup_create("pdfs:results", "masters", id="0", mkstream=True)
        client.xadd("pdf_tasks:stream", {"message": site.url})
        ((_, ((entry, fields),)),) = until(
            lambda: client.xreadgroup("masters", "one", {"pdfs:results": ">"}, count=1, block=100)
        )
        result = json.loads(fields[b"result"])
        assert fields[b"id"].decode() == result["id"]
        assert client.xack("pdfs:results", "masters", entry) == 1
        items = [json.loads(item) for item in client.lrange("pdfs:items", 0, -1)]
        assert sorted(item["url"] for item in items) == sorted(document["url"] for document in result["documents"])
        until(lambda: not client.keys(f"{{pdfs}}:untold:{result['run']}:*") and not client.xlen("{pdfs}:found:redis"))
        client.sadd("pdf_tasks", site.site.document_url(0), site.site.document_url(1))
        until(lambda: client.xlen("pdfs:results") == 3)
        client.zadd("pdf_tasks", {site.site.document_url(2): 1})
        until(lambda: client.xlen("pdfs:results") == 4)
        until(lambda: not client.xlen("pdf_tasks:stream"))
    running.stop()


def test_urls_of_one_message_and_parts_of_one_job(clean: Fleet, gateway: Start, site: Server) -> None:
    running = gateway("redis:")
    urls = site.site.document_urls()
    parts = [
        {"urls": urls[:4], "job": "parts", "seal": False, "task_id": 1},
        {"urls": urls[4:], "job": "parts", "task_id": 2, "meta": {"last": True}},
    ]
    with clean.client() as client:
        client.lpush("pdf_tasks", json.dumps(parts[0]))
        until(lambda: clean.status()["jobs"].get("parts", {}).get("done") == 4)
        assert not results(clean)
        client.lpush("pdf_tasks", json.dumps(parts[1]))
    found = until(lambda: len(answers := results(clean)) == 2 and answers)
    assert {result["task_id"] for result in found} == {1, 2}
    assert len({result["id"] for result in found}) == 2
    for result in found:
        assert {document["url"] for document in result["documents"]} == set(urls)
    running.stop()


def test_failures_are_named_with_their_classes(clean: Fleet, gateway: Start, site: Server) -> None:
    running = gateway("redis:", GATEWAY_RESULT_ENTRIES=2)
    origin = site.url.rstrip("/")
    urls = [f"{origin}/status/{code}" for code in (404, 403, 410)]
    with clean.client() as client:
        client.lpush("pdf_tasks", json.dumps({"urls": urls}))
    (result,) = until(lambda: results(clean))
    assert len(result["failures"]) == 2
    assert result["truncated"]
    assert result["classes"] == {"forbidden": 1, "not-found": 2}
    assert result["counts"] == {"documents": 0, "pages": 0, "failures": 3, "urls": 3}
    assert {failure["outcome"] for failure in result["failures"]} <= {"forbidden", "not-found"}
    running.stop()


def test_what_is_no_list_is_said_once(clean: Fleet, gateway: Start, site: Server) -> None:
    """And messages in the stream are taken meanwhile."""
    running = gateway("redis:")
    with clean.client() as client:
        client.hset("pdf_tasks", "url", site.url)
        until(lambda: "Messages cannot be taken from redis (WRONGTYPE pdf_tasks is a hash" in running.output)
        client.xadd("pdf_tasks:stream", {"message": site.url})
        until(lambda: results(clean))
        client.delete("pdf_tasks")
        client.lpush("pdf_tasks", site.site.document_url(0))
        until(lambda: "Messages are taken from redis again" in running.output)
    assert running.output.count("cannot be") == 1, running.output
    running.stop()


def test_the_broker_keeps_what_is_too_much(clean: Fleet, gateway: Start, site: Server) -> None:
    """Jobs that do not end, for they are not sealed, and yet wait for their answers."""
    running = gateway("redis:", GATEWAY_OPEN_JOBS=3, GATEWAY_UNACKNOWLEDGED=2)
    names = [f"open-{n}" for n in range(8)]
    url = site.site.document_url(0)
    with clean.client() as client:
        for name in names:
            client.lpush("pdf_tasks", json.dumps({"url": url, "job": name, "seal": False}))
        until(lambda: not client.llen("pdf_tasks") and client.scard("{pdfs}:unanswered") >= 3)
        assert client.scard("{pdfs}:unanswered") <= 3 + 2
        assert client.xlen("pdf_tasks:stream") >= 8 - 3 - 2
        while len(results(clean)) < 8:
            for name, job in clean.status()["jobs"].items():
                if name in names and not job["sealed"]:
                    client.lpush("pdfs:start_urls", json.dumps({"url": url, "job": name, "seal": True}))
            until(lambda: client.llen("pdfs:start_urls") == 0)
    running.stop()


def test_nothing_is_lost_when_the_frontier_is_killed(tmp_path: Path, gateway: Start, site: Server) -> None:
    redis = RedisProcess(tmp_path / "redis", "appendfsync always")  # else it may hold writes back from a slow disk
    fleet = Fleet(tmp_path, redis.url, {"FRONTIER_LEASE_SECONDS": 2})
    fleet.stand(1)
    running = gateway("redis:", REDIS_URL=redis.url, DATA_DIR=fleet.data)
    urls = site.site.document_urls()
    names = list(range(60))
    try:
        for name in names:
            redis.call("LPUSH", "pdf_tasks", json.dumps({"url": urls[name % len(urls)], "task_id": name}))
        until(lambda: len(results(fleet)) > len(names) // 8)
        redis.kill()
        redis.start()
        until(lambda: {result["task_id"] for result in results(fleet)} == set(names))
        assert len({result["id"] for result in results(fleet)}) == len(names)
        running.stop()
    finally:
        fleet.stop()
        redis.kill()


def test_addresses_that_are_not_public_are_not_asked(clean: Fleet, gateway: Start) -> None:
    """Neither where a page leads there nor by a redirect, and with connections that are open already."""
    with hostile() as server, hostile() as private:
        inside = private.url("/inside.pdf", 2)
        server.answers |= {
            "/": page(inside, "/moved.pdf", "/fine.pdf"),
            "/moved.pdf": redirect(inside),
            "/fine.pdf": reply(document("fine")),
        }
        private.answers["/inside.pdf"] = reply(document("inside"))
        running = gateway("redis:", GATEWAY_NETWORKS="127.0.0.1/32")
        with clean.client() as client:
            client.lpush("pdf_tasks", server.url("/"))
            (result,) = until(lambda: results(clean))
            assert {row["url"] for row in result["documents"]} == {server.url("/fine.pdf")}
            assert {row["outcome"] for row in result["failures"]} == {"out-of-scope"}
            assert all("not a public address" in row["reason"] for row in result["failures"])
            assert private.paths() == []  # nor for its robots.txt
            client.lpush("pdfs:start_urls", inside)  # whoever runs this may
            until(lambda: private.paths() == ["/robots.txt", "/inside.pdf"])
            client.delete("pdfs:results")
            client.lpush("pdf_tasks", server.url("/"))
            (result,) = until(lambda: results(clean))
            assert {row["outcome"] for row in result["failures"]} == {"out-of-scope"}
        assert private.paths().count("/inside.pdf") == 1
        running.stop()
