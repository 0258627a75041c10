"""A store that takes nothing is waited for: a full disk, an object store that is away."""

from __future__ import annotations

import asyncio
import ftplib
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pdfspider.crawl.fetch.errors import FetchError, ReleaseRequested
from pdfspider.crawl.fetch.in_flight import InFlight
from pdfspider.crawl.policy import storage
from pdfspider.crawl.policy.storage import Storage
from pdfspider.crawl.store.uploads import store_error
from pdfspider.documents.errors import StoreError, StoreUnavailable
from pdfspider.documents.staging import BATCH_SIZE, Staging
from pdfspider.items import Outcome
from tests.crawl.hostile import document, hostile, page, reply
from tests.faults.s3 import BUCKET, KEYS, faulty_s3, make_bucket, stored_objects
from tests.support import disk_of, leftovers, stored, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.crawl.hostile import Hostile, Request
    from tests.support import Fleet, Worker

MANY = 300
AWAY = "The document store takes no documents: waiting for it"
BACK = "The document store takes documents again after"
PATH = Path("ab/cd/abcd.pdf")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with disk_of(tmp_path / "disk", 8) as directory:
        yield directory


@pytest.fixture
async def worker(disk: Path) -> AsyncIterator[Any]:
    """What a Storage needs of its worker."""
    staging = Staging(disk, "w")
    config = SimpleNamespace(retry_delay=5.0)
    worker = SimpleNamespace(staging=staging, config=config, in_flight=InFlight(), wake=asyncio.Event())
    worker.storage = Storage(config, staging, worker.in_flight, worker.wake)
    yield worker
    await worker.storage.close()
    await staging.close()


def fill(disk: Path) -> Path:
    """Leave no room on a disk."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            os.fsync(file.fileno())
    return ballast


def no_room() -> StoreError:
    return StoreError(PATH, OSError(28, "No space left on device"))


async def until_back(worker: Any) -> None:
    async with asyncio.timeout(60):
        while worker.storage.is_away:
            await asyncio.sleep(0.01)


# One worker's view of it


async def test_a_full_disk_is_waited_for(worker: Any, disk: Path) -> None:
    ballast = fill(disk)
    found = await worker.storage.judge(no_room(), 3000, object())
    assert isinstance(found, ReleaseRequested)
    assert worker.storage.is_closed
    assert worker.wake.is_set()
    ballast.unlink()
    await until_back(worker)
    assert not worker.storage.is_closed


async def test_a_document_for_which_there_is_never_room_is_its_own_matter(worker: Any) -> None:
    found = await worker.storage.judge(no_room(), 20_000_000, object())
    assert isinstance(found, FetchError)
    assert found.outcome is Outcome.TOO_LARGE
    with pytest.raises(FetchError, match="the disk of the store holds 8388608 in all"):
        worker.storage.check_size(20_000_000)
    worker.storage.check_size(8_000_000)


async def test_a_document_for_which_there_is_less_room_is_its_own_matter(worker: Any, disk: Path) -> None:
    (disk / "ballast").write_bytes(bytes(6_000_000))
    found = await worker.storage.judge(no_room(), 5_000_000, object())
    assert isinstance(found, FetchError)
    assert found.outcome is Outcome.STORE_ERROR
    assert not worker.storage.is_away


async def test_a_document_that_others_left_no_room_comes_again(worker: Any) -> None:
    assert isinstance(await worker.storage.judge(no_room(), 5_000_000, object()), ReleaseRequested)
    other = worker.staging.new(object())
    await other.write(bytes(4 * BATCH_SIZE))
    found = await worker.storage.judge(no_room(), 7_000_000, object())
    assert isinstance(found, ReleaseRequested)
    assert found.delay == 5
    assert not worker.storage.is_away


async def test_a_name_that_cannot_be_written_is_the_documents_own_matter(worker: Any) -> None:
    error = StoreError(PATH, NotADirectoryError(20, "Not a directory"))
    assert await worker.storage.judge(error, 3000, object()) is error


@pytest.fixture
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "FIRST_PAUSE_S", 0.0)


@pytest.mark.usefixtures("_no_pause")
async def test_one_upload_is_tried_again_in_place_of_all(worker: Any) -> None:
    back = asyncio.Event()
    puts: list[str] = []

    def put(name: str) -> Callable[[], Any]:
        async def run() -> None:
            puts.append(name)
            if not back.is_set():
                await asyncio.sleep(0)
                raise StoreUnavailable(PATH, "503")

        return run

    worker.storage._pause = 0.001
    first = asyncio.create_task(worker.storage.upload(put("first"), object()))
    while len(puts) < 2:
        await asyncio.sleep(0)
    assert worker.storage.is_closed
    with pytest.raises(ReleaseRequested):
        await worker.storage.upload(put("second"), object())
    back.set()
    await first
    assert not worker.storage.is_away
    await worker.storage.upload(put("third"), object())
    assert Counter(puts)["second"] == Counter(puts)["third"] == 1


@pytest.mark.usefixtures("_no_pause")
async def test_another_document_is_tried_where_one_never_gets_through(worker: Any) -> None:
    async def refuse() -> None:
        raise StoreUnavailable(PATH, "503")

    async def accept() -> None:
        pass

    worker.storage._pause = 0.0
    with pytest.raises(ReleaseRequested):
        await worker.storage.upload(refuse, object())
    assert worker.storage.is_away
    assert not worker.storage.is_closed
    await worker.storage.upload(accept, object())
    assert not worker.storage.is_away
    with pytest.raises(StoreError, match="503") as own:  # the store took another one since
        await worker.storage.upload(refuse, object())
    assert not isinstance(own.value, StoreUnavailable)


@pytest.mark.usefixtures("_no_pause")
async def test_a_refusal_of_a_document_shows_that_the_store_is_there(worker: Any) -> None:
    answers = iter([StoreUnavailable(PATH, "503"), StoreError(PATH, "too large")])

    async def put() -> None:
        raise next(answers)

    worker.storage._pause = 0.0
    with pytest.raises(StoreError, match="too large"):
        await worker.storage.upload(put, object())
    assert not worker.storage.is_away


def refused_by_s3(status: int, code: str) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutObject")


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (refused_by_s3(503, "SlowDown"), True),
        (refused_by_s3(500, "InternalError"), True),
        (refused_by_s3(403, "AccessDenied"), True),
        (refused_by_s3(404, "NoSuchBucket"), True),
        (refused_by_s3(400, "ExpiredToken"), True),
        (refused_by_s3(400, "EntityTooLarge"), False),
        (refused_by_s3(413, ""), False),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), True),
        (ConnectionResetError(), True),
        (ftplib.error_temp("452 Insufficient storage space"), True),
        (ftplib.error_perm("552 Exceeded storage allocation"), True),
        (ftplib.error_perm("553 File name not allowed"), False),
        (TypeError("a defect"), False),
        (StoreError(PATH, "the store has half of it"), False),
    ],
)
def test_whose_fault_an_error_is(error: Exception, away: bool) -> None:
    assert isinstance(store_error(error, PATH), StoreUnavailable) is away


# Whole crawls


def endless(request: Request) -> None:
    request.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nConnection: close\r\n\r\n%PDF-1.7\n")
    while not request.stopped.is_set():
        request.send(bytes(1 << 16))


def documents(count: int, size: int = 3000) -> dict[str, Any]:
    """A page and the documents that it leads to."""
    names = [f"/{number}.pdf" for number in range(count)]
    return {"/": page(*names), **{name: reply(document(name, size)) for name in names}}


def test_a_document_that_the_disk_cannot_hold_does_not_harm_the_others(fleet: Fleet, disk: Path) -> None:
    answers = documents(5, 30_000)
    answers |= {"/huge.pdf": reply(document("huge", 20_000_000)), "/endless.pdf": endless}
    answers["/"] = page(*answers)
    with hostile(answers) as server:
        worker = fleet.crawl(server.url(), FILES_STORE=disk / "files", RETRY_TIMES=0)
        outcomes = fleet.outcomes()
        assert outcomes.pop(server.url("/huge.pdf")) == "too-large"
        assert outcomes.pop(server.url("/endless.pdf")) in ("too-large", "store-error")
        assert Counter(outcomes.values()) == {"page": 1, "document": 5}, worker.output
        assert len(stored(disk / "files")) == 5
        assert not leftovers(disk / "files")


TRIED_MEANWHILE = 3
"""Documents that may be fetched a third time: those with which the worker found out that the store was still away."""


def outage(fleet: Fleet, worker: Worker, server: Hostile) -> None:
    """The store was away for a while, and no document was lost by that."""
    assert worker.output.count(AWAY) == worker.output.count(BACK) >= 1
    assert fleet.job()["classes"] == {"page": 1, "document": MANY}
    fetched = Counter(seen.path for seen in server.seen)
    again = [path for path in server.answers if fetched[path] > 2]
    assert len(again) <= TRIED_MEANWHILE, again
    assert {row["attempt"] for row in fleet.rows()} == {1}


def test_a_disk_that_is_full_for_a_while(fleet: Fleet, disk: Path) -> None:
    with hostile(documents(MANY)) as server:
        worker = fleet.start(server.url(), FILES_STORE=disk / "files")
        until(lambda: len(stored(disk / "files")) > MANY / 10)
        ballast = fill(disk)
        until(lambda: AWAY in worker.output)
        until(lambda: fleet.job()["leased"] == 0)
        asked = len(server.seen)
        assert not leftovers(disk / "files")
        ballast.unlink()
        worker.finish()
        outage(fleet, worker, server)
        assert asked < MANY
        assert len(stored(disk / "files")) == MANY


def test_an_s3_that_is_away_for_a_while(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # or the client would try again by itself
    with faulty_s3() as s3, make_bucket(s3) as bucket, hostile(documents(MANY)) as server:
        settings = {**KEYS, "AWS_ENDPOINT_URL": s3.endpoint, "FILES_STORE": f"s3://{BUCKET}/"}
        worker = fleet.start(server.url(), PDF_VERIFY_UPLOADS=False, **settings)
        until(lambda: fleet.done() > MANY / 10)
        s3.away = True
        until(lambda: AWAY in worker.output)
        until(lambda: fleet.job()["leased"] == 1)  # that of the document that finds out
        asked = len(server.seen)
        s3.away = False
        worker.finish()
        outage(fleet, worker, server)
        assert asked < MANY
        assert len(stored_objects(bucket)) == MANY
