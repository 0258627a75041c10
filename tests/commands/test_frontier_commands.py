"""submit, status, pause, resume, cancel, retry, export: as processes, on a real Redis."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import redis

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.commands.conftest import Ours, Scrapy


def status(ours: Ours, job: str) -> dict[str, Any]:
    found = json.loads(ours("status", "--json"))
    assert found.keys() == {"jobs", "hosts", "workers", "transports"}
    return dict(found["jobs"][job])


def test_a_job_is_submitted_paused_resumed_and_cancelled(ours: Ours) -> None:
    said = ours("submit", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b", "http://127.0.0.1:1/a", "--job", "j")
    assert "job j: 3 URLs handed in, 2 of them new" in said
    assert "no worker is running" in said
    expected = {"state": "running", "sealed": True, "queued": 2, "done": 0, "documents": 0, "classes": {}}
    assert status(ours, "j").items() >= expected.items()
    assert ours("pause", "j").startswith("job j: paused")
    assert ours("resume", "j") == "job j: running\n"
    assert ours("cancel", "j") == "job j: cancelled\n"
    expected |= {"state": "cancelled", "queued": 0, "done": 2, "classes": {"cancelled": 2}}
    assert status(ours, "j").items() >= expected.items()
    assert ours("pause", "j", code=1) == "error: job j is cancelled: it cannot be paused\n"


def test_the_default_job_and_an_open_one_are_not_sealed(ours: Ours, tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text("# seeds\nhttp://127.0.0.1:1/a\n\nhttp://127.0.0.1:1/b\n")
    assert "job default: 2 URLs" in ours("submit", "--file", str(file), "--depth", "2", "--scope", "domain")
    assert "job j: 1 URL handed in" in ours("submit", "http://127.0.0.1:1/", "--job", "j", "--open", "--priority", "5")
    jobs = json.loads(ours("status", "--json"))["jobs"]
    assert not jobs["default"]["sealed"]
    assert not jobs["j"]["sealed"]


ERRORS = {
    "submit http://a.b/ ftp://a.b/ x": ["'ftp://a.b/' is not a URL", "'x' is not a URL"],
    "submit http://a.b/ --job a/b --depth -1": ["--job a/b: not a job name: 'a/b' (1 to 64", "--depth -1: "],
    "submit http://a.b/ --max-pages 1": ["the job default never ends"],
    "pause nobody": ["there is no job 'nobody'"],
    "status nobody": ["there is no job 'nobody'"],
    "retry --class bad-luck": ["--class bad-luck: no such class of failure (known: empty, "],
    "retry": ["there is no database at "],
    "rejects --limit -1": ["--limit -1 is less than 1"],
    "undelivered nowhere": ["nowhere is none of the transports"],
    "undelivered \udcff": ["is none of the transports"],
    "undelivered --job a/b": ["not a job name: 'a/b'"],
    "due nobody": ["there is no database at "],
    "export captures.doc": ["the name must end in .jsonl, .csv, .parquet"],
}


def test_what_is_the_users_to_put_right_is_one_line(ours: Ours) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda words: ours(*words.split(), code=1), ERRORS))
    for answer, said in zip(answers, ERRORS.values(), strict=True):
        lines = answer.splitlines()
        assert len(lines) == len(said)
        for line, part in zip(lines, said, strict=True):
            assert line.startswith("error: ")
            assert part in line


def test_failures_are_tried_again_and_exported(ours: Ours, site: Server, data: Path, tmp_path: Path) -> None:
    ours("crawl", "pdfs", "-a", f"urls={site.url}list?n=3&prefix=/status/40,{site.url}status/500", "-a", "job=j")
    before = status(ours, "j")
    assert before["classes"] == {"forbidden": 1, "http-error": 2, "page": 1, "server-error": 1}
    assert "server-error" in ours("status", "j")
    said = ours("retry").splitlines()
    assert said == ["job j: 1 URL queued again", "no worker is running: start one with scrapy crawl pdfs"]
    after = status(ours, "j")
    assert (after["state"], after["queued"], after["dead"], after["done"]) == ("running", 1, 0, before["done"])
    assert after["classes"] == {"forbidden": 1, "http-error": 2, "page": 1}
    assert ours("retry", "--job", "j") == "there are no failed URLs\n"
    assert ours("retry", "--job", "nobody", code=1) == "error: there is no job 'nobody'\n"

    file = tmp_path / "captures.csv"
    assert ours("export", str(file)) == f"5 captures written to {file}\n"
    with file.open(newline="") as rows:
        assert {row["job"] for row in csv.DictReader(rows)} == {"j"}


def test_results_that_were_refused_are_listed_and_published_again(ours: Ours, redis_url: str) -> None:
    fields = {"run": 7, "job": "j", "state": "finished", "key": "k", "record": '{"task_id": 1}', "reason": "410"}
    with redis.Redis.from_url(redis_url) as client:
        for name in "http", "amqp":
            client.sadd("{pdfs}:undelivered", name)
            client.xadd(f"{{pdfs}}:undelivered:{name}", fields)
        said = ours("undelivered")
        assert "amqp  job j  410" in said
        assert said.endswith("2 results undelivered\n")
        assert json.loads(ours("undelivered", "http", "--json"))["task_id"] == 1
        assert ours("undelivered", "--job", "other", "--again") == "0 results will be published again\n"
        assert "1 result will be published again" in ours("undelivered", "http", "--again")
        ((_, pending),) = client.xrange("{pdfs}:owed:http")
        assert pending == {b"run": b"7", b"job": b"j", b"state": b"finished"}
        assert client.hgetall("{pdfs}:tasks:7:http") == {b"k": b'{"task_id": 1}'}
    assert ours("undelivered").endswith("1 result undelivered\n")


def test_the_frontier_is_audited(ours: Ours, redis_url: str) -> None:
    ours("submit", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b", "--job", "j")
    assert ours("audit") == "1 run, 2 URLs, 1 host, 0 leases checked, no findings\n"
    with redis.Redis.from_url(redis_url) as client:
        (run,) = client.hvals("{pdfs}:jobs")
        client.hincrby(f"{{pdfs}}:job:{run.decode()}", "done", 1)
    *findings, summary = ours("audit", code=1).splitlines()
    assert f"{{pdfs}}:job:{run.decode()}: done counts what is there (it is 1, there are 0)" in findings
    assert summary.endswith(f"checked, {len(findings)} findings")


def test_without_a_frontier_nothing_is_made(scrapy: Scrapy, data: Path) -> None:
    empty, job, shown = scrapy("status", "--json"), scrapy("pause", "j"), scrapy("status")
    assert json.loads(empty.stdout) == {
        "jobs": {},
        "hosts": {"waiting": 0, "breakers_open": 0},
        "workers": {},
        "transports": [],
    }
    for done in (job, shown):
        assert (done.returncode, done.stderr) == (
            1,
            f"error: nothing was ever crawled or submitted with DATA_DIR {data}\n",
        )
    assert not data.exists()


def test_the_embedded_redis_is_used_where_there_is_no_other(scrapy: Scrapy, data: Path) -> None:
    assert scrapy("submit", "http://127.0.0.1:1/").returncode == 0
    assert json.loads(scrapy("status", "--json").stdout)["jobs"]["default"]["queued"] == 1
    assert not (data / "redis" / "redis.sock").exists()


def test_a_redis_that_is_not_there_is_one_line(scrapy: Scrapy) -> None:
    done = scrapy("status", "-s", "REDIS_URL=redis://127.0.0.1:1/0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no Redis at redis://127.0.0.1:1/0")
    assert done.stderr.count("\n") == 1
