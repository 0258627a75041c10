"""Crawls whose documents are inspected, and what is left when a worker does not come to it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from scrapy.crawler import Crawler
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector

from pdfspider.crawl.inspection import extension as inspecting
from pdfspider.documents.store import document_path
from pdfspider.records import Database
from pdfspider.spiders.pdfs import PdfSpider
from tests import fork_server
from tests.crawl.hostile import hostile, page, reply
from tests.documents.corpus import LONG, MADE, TITLE, document
from tests.inspection.malformed import traps
from tests.records.conftest import capture
from tests.servers.moto import empty_s3
from tests.support import Fleet, Worker, query, until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from tests.crawl.hostile import Answer

DOCUMENTS = {f"/{name}.pdf": document(name) for name in MADE}
SMALL = {name: content for name, content in DOCUMENTS.items() if len(content) < 20_000 and name != "/damaged.pdf"}
TRAPS = dict(traps())
HANG = TRAPS["own-form"]
HOURS = 7200


def site(documents: dict[str, bytes]) -> dict[str, Answer]:
    return {"/": page(*documents), **{name: reply(content) for name, content in documents.items()}}


def inspections(fleet: Fleet) -> list[dict[str, Any]]:
    return query(fleet.data / "pdfs.db", "SELECT * FROM inspections")


def scrapy(fleet: Fleet, *words: str, code: int = 0, **settings: Any) -> str:
    """Runs a command to its end; gives what it said."""
    options = [f"-s{name}={value}" for name, value in {"DATA_DIR": fleet.data, **settings}.items()]
    done = fork_server.run(["scrapy", *words, *options])
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.strip()


def helper_of(worker: Worker) -> psutil.Process | None:
    """The inspecting process of a worker, once it is there."""
    children = psutil.Process(worker.process.pid).children()
    with suppress(psutil.ZombieProcess):  # another one, that has just ended
        return next((child for child in children if "pdfspider.documents.inspection.process" in child.cmdline()), None)
    return None


def test_a_crawl_looks_inside_what_it_stores(fleet: Fleet) -> None:
    """Each document once, whatever it does; two jobs and two URLs share it."""
    documents = {**DOCUMENTS, "/copy.pdf": DOCUMENTS["/text.pdf"], "/bomb.pdf": TRAPS["nested-bomb"]}
    options = {"PDF_INSPECT": True, "PDF_INSPECT_TEXT": True, "PDF_INSPECT_THUMBNAIL": True}
    with hostile(site(documents)) as server:
        worker = fleet.crawl(server.url(), **options)
        again = fleet.crawl(server.url(), arguments={"job": "again"}, **options)
    fleet.audit()
    found = {row["sha256"]: row for row in inspections(fleet)}
    assert found.keys() == fleet.files()
    statuses = Counter(row["status"] for row in found.values())
    assert (statuses["timeout"] + statuses["memory"], statuses["encrypted"], statuses["damaged"]) == (1, 1, 1)
    words = re.search(r"inspections +(\d+) ok, ", worker.output)
    assert words
    assert int(words[1]) == statuses["ok"]
    assert re.search(r"event loop +longest stall \d+ ms", worker.output)
    assert "inspections" not in again.output
    for row in found.values():
        assert (row["thumbnail"] is None) == (row["status"] != "ok")
        assert row["thumbnail"] is None or (fleet.data / "thumbnails" / row["thumbnail"]).read_bytes()[1:4] == b"PNG"
    scrapy(fleet, "export", str(fleet.directory / "all.jsonl"))
    rows = [json.loads(line) for line in (fleet.directory / "all.jsonl").read_text().splitlines()]
    (one,) = [row for row in rows if row["url"].endswith("/long.pdf") and row["job"] != "again"]
    assert (one["inspection_status"], one["pages"], one["title"]) == ("ok", LONG, TITLE)
    assert (one["encrypted"], one["status"], one["outcome"], one["content"]) == (False, 200, "document", "text")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_worker_does_not_come_to_is_done_later(fleet: Fleet, signum: signal.Signals) -> None:
    with hostile(site({"/hang.pdf": HANG, **SMALL})) as server:
        worker = fleet.start(server.url(), PDF_INSPECT=True, PDF_INSPECT_TIMEOUT=HOURS)
        until(lambda: "more documents, for at most 60 s" in worker.output)
        helper = until(lambda: helper_of(worker))
        worker.send(signum)
        assert worker.wait() == (0 if signum == signal.SIGTERM else -signal.SIGKILL), worker.output
    until(lambda: not helper.is_running())
    fleet.audit()
    done = inspections(fleet)
    assert len(done) < len(fleet.files())
    said = scrapy(fleet, "inspect", PDF_INSPECT_TIMEOUT=1)
    assert said.startswith(f"{len(fleet.files()) - len(done)} documents inspected: ")
    assert {row["sha256"] for row in inspections(fleet)} == fleet.files()
    assert scrapy(fleet, "inspect") == "0 documents inspected"


def test_the_command_inspects_again_and_by_job(fleet: Fleet) -> None:
    asyncio.run(fill(fleet.data, {"one": ["/text.pdf"], "two": ["/text.pdf", "/needs-password.pdf"]}))
    assert scrapy(fleet, "inspect", "--job", "one") == "1 document inspected: 1 ok"
    again = scrapy(fleet, "inspect", "--again", PDF_INSPECT_TEXT=True, PDF_INSPECT_PROCESSES=2)
    assert again == "2 documents inspected: 1 ok, 1 encrypted"
    assert Counter(bool(row["text"]) for row in inspections(fleet)) == {True: 1, False: 1}
    for file in (fleet.data / "files").glob("??/??/*.pdf"):
        file.unlink()
    missing = scrapy(fleet, "inspect", "--again", "ok", code=1)
    assert missing == "0 documents inspected; 1 document not in the store"
    assert len(inspections(fleet)) == 2


async def test_a_worker_remembers_so_many_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long crawl is faster than inspection may be, and its memory stays flat."""
    monkeypatch.setattr(inspecting, "MAX_WAITING", 3)
    settings = Settings({"DATA_DIR": str(tmp_path)})
    settings.setmodule("pdfspider.settings", priority="default")
    behind = inspecting.InspectionExtension(Crawler(PdfSpider, settings))
    for number in range(5):
        behind.add(f"{number:064x}")
    assert (len(behind._waiting), behind._left) == (3, 2)


async def test_a_database_that_is_away_is_waited_for_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(tmp_path, {"one": ["/text.pdf"]})
    monkeypatch.setattr(inspecting, "RETRY_DELAY_S", 0.01)
    settings = Settings({"DATA_DIR": str(tmp_path)})
    settings.setmodule("pdfspider.settings", priority="default")
    crawler = Crawler(PdfSpider, settings)
    crawler.stats = MemoryStatsCollector(crawler)
    behind = inspecting.InspectionExtension(crawler)
    records = behind._worker.records = await Database.open(f"sqlite:///{tmp_path}/pdfs.db", patience=0.02)
    look, looked = records.inspected, list[int]()

    async def look_and_count(hashes: Collection[str]) -> set[str]:
        looked.append(len(hashes))
        return await look(hashes)

    monkeypatch.setattr(records, "inspected", look_and_count)
    with closing(sqlite3.connect(tmp_path / "pdfs.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE inspections RENAME TO away")
        behind.start()
        behind.add(hashlib.sha256(DOCUMENTS["/text.pdf"]).hexdigest())
        while len(looked) < 5:
            await asyncio.sleep(0.01)
        other.execute("ALTER TABLE away RENAME TO inspections")
        while behind.backlog:
            await asyncio.sleep(0.01)
        assert other.execute("SELECT status FROM inspections").fetchall() == [("ok",)]
    await behind.close()
    await records.close()
    begun, ended = [record.getMessage() for record in caplog.records]
    assert begun.startswith("Inspections cannot be recorded: they wait (")
    assert ended.startswith("Inspections are recorded again after ")


async def fill(data: Path, jobs: dict[str, list[str]]) -> None:
    """A store and its records, as jobs leave them."""
    records = await Database.open(f"sqlite:///{data}/pdfs.db")
    for job, names in jobs.items():
        for number, name in enumerate(names):
            sha256 = hashlib.sha256(DOCUMENTS[name]).hexdigest()
            target = data / "files" / document_path(sha256)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(DOCUMENTS[name])
            await records.write(capture(number, sha256, job=job))
    await records.close()


@pytest.fixture
def s3() -> Iterator[dict[str, str]]:
    """The settings that lead to an S3 with a bucket."""
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION_NAME": "us-east-1"}
    access = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    with empty_s3() as (host, port):
        endpoint = f"http://{host}:{port}"
        client: Any = boto3.client("s3", endpoint_url=endpoint, **access)
        client.create_bucket(Bucket="bucket")
        client.close()
        yield {"FILES_STORE": "s3://bucket/prefix/", "AWS_ENDPOINT_URL": endpoint, **keys}


def test_documents_in_s3_are_inspected_by_the_command(fleet: Fleet, s3: dict[str, str]) -> None:
    with hostile(site(SMALL)) as server:
        worker = fleet.crawl(server.url(), PDF_INSPECT=True, **s3)
    assert inspections(fleet) == []
    assert f"inspections   {len(SMALL)} left" in worker.output
    assert re.search(r"inspect +\S*scrapy inspect --job ", worker.output)
    said = scrapy(fleet, "inspect", PDF_INSPECT_PROCESSES=2, **s3)
    assert said.endswith(" ok, 1 encrypted")
    assert {row["sha256"] for row in inspections(fleet)} == {row["sha256"] for row in fleet.rows("sha256 <> ''")}
