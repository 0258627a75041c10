"""An S3 that refuses, breaks off, and loses what it said it took; and what dead workers leave in staging."""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from bench.server import Server, serve
from bench.site import Site
from tests.support import leftovers, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Fleet

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION_NAME": "us-east-1"}


class Faulty(BaseHTTPRequestHandler):
    """Passes requests on to an S3; the first uploads meet the faults of the server's list."""

    server: FaultyS3
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.server.next_fault() if body else None
        if fault == "cut":
            self.close_connection = True
        elif fault == "lose":
            self._answer(200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}, b"")
        elif fault == "500":
            self._answer(500, {}, b"")
        else:
            self._pass_on(body[: len(body) // 2] if fault == "halve" else body)

    def do_GET(self) -> None:
        self._pass_on(b"")

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass

    def _pass_on(self, body: bytes) -> None:
        dropped = ("content-length", "expect", "x-amz-checksum-crc32", "content-md5")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        connection = http.client.HTTPConnection(*self.server.upstream)
        connection.request(self.command, self.path, body=body, headers=headers)
        answer = connection.getresponse()
        self._answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        own = {name: value for name, value in headers.items() if name.lower() not in ("date", "server")}
        for name, value in ({"Content-Length": str(len(body))} | own).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class FaultyS3(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Faulty)
        self.upstream = upstream
        self.faults: list[str] = []
        self.met: list[str] = []
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_fault(self) -> str | None:
        with self._lock:
            if not self.faults:
                return None
            self.met.append(self.faults.pop(0))
            return self.met[-1]


@pytest.fixture
def s3() -> Iterator[FaultyS3]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    faulty = FaultyS3(moto.get_host_and_port())
    reset = http.client.HTTPConnection(*faulty.upstream)  # what it holds is the whole process's
    reset.request("POST", "/moto-api/reset")
    assert reset.getresponse().read()
    reset.close()
    threading.Thread(target=faulty.serve_forever, daemon=True).start()
    yield faulty
    faulty.shutdown()
    faulty.server_close()
    moto.stop()


@pytest.fixture
def bucket(s3: FaultyS3) -> Iterator[Any]:
    client: Any = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(Site(hosts=2, pages=4, documents=10)) as running:
        yield running


def stored(client: Any) -> set[str]:
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="bucket").get("Contents", [])]
    bodies = {key: client.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}
    assert {key: f"{hashlib.sha256(body).hexdigest()}.pdf" for key, body in bodies.items()} == {
        key: key.rpartition("/")[2] for key in keys
    }
    return {hashlib.sha256(body).hexdigest() for body in bodies.values()}


FAULTS = ["500", "cut", "lose", "halve"]


def test_an_upload_that_failed_is_tried_again(
    fleet: Fleet, server: Server, s3: FaultyS3, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # or the client would try again by itself
    s3.faults = FAULTS * 2
    settings = {**KEYS, "AWS_ENDPOINT_URL": s3.endpoint, "FILES_STORE": "s3://bucket/", "RETRY_TIMES": 8}
    worker = fleet.crawl(server.url, arguments={"scope": "any"}, **settings)
    assert s3.met == FAULTS * 2
    assert stored(bucket) == set(server.site.expected().values())
    assert fleet.job()["classes"] == {"page": 4, "document": 10}
    assert "after the upload, not" in worker.output
    assert not leftovers(fleet.data / "files")


def test_without_verifying_a_lost_upload_goes_unnoticed(
    fleet: Fleet, server: Server, s3: FaultyS3, bucket: Any
) -> None:
    s3.faults = ["lose"]
    settings = {**KEYS, "AWS_ENDPOINT_URL": s3.endpoint, "FILES_STORE": "s3://bucket/", "PDF_VERIFY_UPLOADS": False}
    fleet.crawl(server.site.document_url(0), **settings)
    assert fleet.job()["classes"] == {"document": 1}
    assert stored(bucket) == set()


def test_what_a_dead_worker_left_is_removed_while_others_run(fleet: Fleet) -> None:
    staging = fleet.data / "files" / ".staging"
    (staging / "dead").mkdir(parents=True)
    (staging / "dead" / "half").write_bytes(b"%PDF-1.7 half of it")
    fresh = time.time()
    os.utime(staging / "dead", (fresh, fresh))
    (worker,) = fleet.stand(1)
    assert (staging / "dead").exists(), "it may be one that has just begun"
    os.utime(staging / "dead", (fresh - 100, fresh - 100))
    until(lambda: not (staging / "dead").exists())
    assert fleet.files() == set()
    worker.dismiss()


def test_a_worker_whose_staging_was_taken_for_a_dead_ones_goes_on(fleet: Fleet, server: Server) -> None:
    (worker,) = fleet.stand(1)
    (own,) = (fleet.data / "files" / ".staging").iterdir()
    own.rmdir()
    fleet.push(server.site.document_url(0))
    until(lambda: fleet.status()["jobs"].get("default", {}).get("done") == 1)
    assert len(fleet.files()) == 1
    assert {row["outcome"] for row in fleet.rows()} == {"document"}
    worker.dismiss()
