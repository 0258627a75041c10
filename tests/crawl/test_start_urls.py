"""Start URLs handed in with ``redis-cli lpush``, to a worker that stands ready."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.crawl.hostile import Hostile, document, hostile, page, reply
from tests.support import Fleet, Worker, gaps, until

if TYPE_CHECKING:
    from collections.abc import Iterator

BAD = {
    "{not json": "JSON",
    "[1, 2]": "URL",
    "[]": "an array of 0",
    '["http://127.0.0.1/", "ftp://127.0.0.1/"]': "ftp",
    '["http://127.0.0.1/", {"url": "http://127.0.0.1/", "job": "x"}]': "go to one job",
    "{'url': 'http://127.0.0.1/'}": "JSON has double quotes",
    "['http://127.0.0.1/']": "JSON has double quotes",
    "": "URL",
    "no url at all": "URL",
    "ftp://127.0.0.1/file.pdf": "ftp",
    "http://[bad": "http://[bad",
    "http://": "",
    '{"url": "http://127.0.0.1/", "colour": "red"}': "colour: there is no such key (there are depth, scope, ",
    '{"job": "x"}': "url",
    '{"url": "http://127.0.0.1/", "job": "no/such name"}': "job",
    '{"url": "http://127.0.0.1/", "depth": "three"}': "depth",
    '{"url": "http://127.0.0.1/", "depth": -1}': "depth",
    '{"url": "http://127.0.0.1/", "depth": 99999999999999999999}': "depth",
    '{"url": "http://127.0.0.1/", "scope": "planet"}': "scope",
    '{"url": "http://127.0.0.1/", "due": true}': "due needs another",
    '{"url": "http://127.0.0.1/", "priority": 1000000}': "priority",
    '{"url": "http://a\\ud800.example/"}': "",
    '{"url": "http://127.0.0.1/", "meta": {"x": "' + "y" * 20_000 + '"}}': "meta",
    "http://127.0.0.1/" + "x" * 2_000_000: "",
    "http://" + "a" * 70 + ".example/": "",
    "http://127.0.0.1:99999/": "",
    b"http://127.0.0.1/\xff\xfe": "UTF-8",
    b"\x00": "",
}


@pytest.fixture
def server() -> Iterator[Hostile]:
    with hostile({f"/{n}": page(f"/{n}.pdf") for n in range(100)}) as running:
        running.answers |= {f"/{n}.pdf": reply(document(f"{n}")) for n in range(100)}
        yield running


@pytest.fixture
def standing(fleet: Fleet, server: Hostile) -> Worker:
    """A worker that has nothing to do and knows the host's robots.txt."""
    worker = fleet.start()
    fleet.push(server.url("/0"))
    until(lambda: "/0.pdf" in server.paths())
    until(lambda: fleet.done() == 2)
    return worker


def test_urls_are_taken_one_by_one(fleet: Fleet, server: Hostile, standing: Worker) -> None:
    for n in range(1, 6):
        fleet.push(server.url(f"/{n}"))
        until(lambda n=n: f"/{n}" in server.paths())
    assert standing.process.poll() is None


def test_sets_and_sorted_sets_are_taken_too(fleet: Fleet, server: Hostile, standing: Worker) -> None:
    with fleet.client() as client:
        client.sadd("pdfs:start_urls", server.url("/1"), json.dumps({"url": server.url("/2"), "job": "mine"}))
        until(lambda: {"/1.pdf", "/2.pdf"} <= set(server.paths()))
        client.hset("pdfs:start_urls", server.url("/3"), 1)
        until(lambda: "pdfs:start_urls is a hash" in standing.output)
        client.delete("pdfs:start_urls")
        client.zadd("pdfs:start_urls", {server.url("/4"): 4, server.url("/5"): 5})
        until(lambda: {"/4.pdf", "/5.pdf"} <= set(server.paths()))
    assert "Start URLs are taken in again" in standing.output
    assert standing.output.count("pdfs:start_urls is a hash, not a list, a set or a sorted set") == 1
    assert standing.process.poll() is None


def test_what_redis_refuses_is_said_once_and_stops_nothing_else(
    fleet: Fleet, server: Hostile, standing: Worker
) -> None:
    """A job whose key is none, and then hosts that are none: each until that is repaired."""
    with fleet.client() as client:

        def refused() -> int:
            return int(client.info("commandstats")["cmdstat_evalsha"]["failed_calls"])

        client.hset("{pdfs}:jobs", "mine", "5")
        client.set("{pdfs}:job:5", "nonsense")
        fleet.push(*[json.dumps({"url": server.url("/1"), "job": "mine"})] * 200)
        until(lambda: "Redis refuses start URLs" in standing.output)
        fleet.push(server.url("/2"))
        until(lambda: "/2.pdf" in server.paths())
        client.delete("{pdfs}:job:5")
        until(lambda: "Start URLs are taken in again" in standing.output and "/1.pdf" in server.paths())

        before = refused()
        client.set("{pdfs}:hosts", "nonsense")
        until(lambda: refused() >= before + 3)
        client.delete("{pdfs}:hosts")
        fleet.push(server.url("/3"))
        until(lambda: "/3.pdf" in server.paths())
    for said in ("Redis refuses start URLs: they wait (WRONGTYPE", "Redis refuses to lease URLs", "scrapy audit names"):
        assert standing.output.count(said) == 1 + (said == "scrapy audit names"), standing.output
    assert "cannot be used" not in standing.output
    assert standing.process.poll() is None


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="no redis-cli on PATH")
def test_messages_by_redis_cli(fleet: Fleet, server: Hostile, standing: Worker) -> None:
    message = {"url": server.url("/2"), "job": "mine", "depth": 1, "scope": "host", "priority": 5, "meta": {"id": 7}}
    assert fleet.redis_url
    for value in (server.url("/1"), json.dumps(message)):
        socket = fleet.redis_url.removeprefix("unix://")
        subprocess.run(["redis-cli", "-s", socket, "lpush", "pdfs:start_urls", value], check=True, capture_output=True)
    until(lambda: {"/1.pdf", "/2.pdf"} <= set(server.paths()))
    until(lambda: sum(job["done"] for job in fleet.status()["jobs"].values()) == 6)
    assert {row["url"]: row["job"] for row in fleet.rows()} == {
        **{server.url(path): "default" for path in ("/0", "/0.pdf", "/1", "/1.pdf")},
        **{server.url(path): "mine" for path in ("/2", "/2.pdf")},
    }
    assert standing.process.poll() is None


def test_what_makes_no_sense_is_set_aside_and_the_rest_goes_on(fleet: Fleet, server: Hostile, standing: Worker) -> None:
    for n, message in enumerate(BAD, 1):
        fleet.push(message, server.url(f"/{n}"))
    rejected = until(lambda: len(letters := fleet.rejected()) == len(BAD) and letters)
    for (message, reason), letter in zip(BAD.items(), rejected, strict=True):
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        assert letter["message"] == text
        assert letter["reason"]
        assert reason in letter["reason"]
    until(lambda: {f"/{n}.pdf" for n in range(1, len(BAD) + 1)} <= set(server.paths()))
    until(lambda: fleet.done() == 2 * len(BAD) + 2)
    with fleet.client() as client:
        assert not client.exists("pdfs:start_urls")
        assert not client.keys("{pdfs}:taking:*")
    assert standing.process.poll() is None


def test_an_array_and_a_mark_and_blanks(fleet: Fleet, server: Hostile, standing: Worker) -> None:
    several = [server.url("/1"), {"url": server.url("/2"), "depth": 1}]
    fleet.push(json.dumps(several), "\ufeff \n" + server.url("/3") + " \r\n", "\ufeff" + json.dumps([server.url("/4")]))
    until(lambda: {f"/{n}.pdf" for n in range(1, 5)} <= set(server.paths()))
    until(lambda: fleet.done() == 10)
    with fleet.client() as client:
        until(lambda: not client.keys("{pdfs}:taking:*"))
    assert fleet.rejected() == []
    assert standing.process.poll() is None


def test_what_a_dead_worker_had_claimed_is_taken_up(fleet: Fleet, server: Hostile) -> None:
    with fleet.client() as client:
        client.zadd("{pdfs}:workers", {"dead": 1})
        client.lpush("{pdfs}:taking:dead", server.url("/7"))
    fleet.start()
    until(lambda: "/7.pdf" in server.paths())


def test_a_job_that_was_handed_in_already_changes_nothing(fleet: Fleet, server: Hostile, standing: Worker) -> None:
    fleet.push(*[server.url("/0")] * 20)
    fleet.push(server.url("/1"))
    until(lambda: "/1.pdf" in server.paths())
    assert server.paths().count("/0") == 1
    assert standing.process.poll() is None


def test_two_jobs_at_once(fleet: Fleet) -> None:
    """Each has its own URLs, both wait at the same gates."""
    with hostile(hosts=1) as server:
        server.answers |= {"/a": page("/shared", "/a.pdf"), "/b": page("/shared", "/b.pdf"), "/shared": page()}
        server.answers |= {path: reply(document(path)) for path in ("/a.pdf", "/b.pdf")}
        gentle = {"DOWNLOAD_DELAY": 0.2, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}
        for name in "ab":
            fleet.start(server.url(f"/{name}"), arguments={"job": name}, **gentle)
        for worker in fleet.workers:
            worker.finish()
        rows = {(row["job"], row["url"].rpartition("/")[2]) for row in fleet.rows()}
        assert rows == {("a", "a"), ("a", "a.pdf"), ("a", "shared"), ("b", "b"), ("b", "b.pdf"), ("b", "shared")}
        assert server.paths().count("/robots.txt") == 1
        starts = [start.at for start in fleet.starts()]
        assert len(starts) == 7
        assert min(gaps(starts)) >= 0.2
    fleet.audit()
