"""An S3 in front of which uploads can be refused, broken off, lost or halved."""

from __future__ import annotations

import hashlib
import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3

from tests.servers.moto import empty_s3

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION_NAME": "us-east-1"}
BUCKET = "bucket"


class Faulty(BaseHTTPRequestHandler):
    """Passes requests on to an S3; the first uploads meet the faults of the server's list."""

    server: FaultyS3
    protocol_version = "HTTP/1.1"

    def parse_request(self) -> bool:
        """Answer nobody while the S3 is away."""
        return not self.server.away and super().parse_request()

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

    def do_HEAD(self) -> None:
        self._pass_on(b"")

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
        self.away = False
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


@contextmanager
def faulty_s3() -> Iterator[FaultyS3]:
    """An empty one."""
    with empty_s3() as address:
        faulty = FaultyS3(address)
        threading.Thread(target=faulty.serve_forever, daemon=True).start()
        yield faulty
        faulty.shutdown()
        faulty.server_close()


@contextmanager
def make_bucket(s3: FaultyS3) -> Iterator[Any]:
    """A client of it; the bucket is there."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


def stored_objects(client: Any) -> set[str]:
    """The hashes of the bucket's documents, each of which has been read."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    bodies = {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}
    assert {key: f"{hashlib.sha256(body).hexdigest()}.pdf" for key, body in bodies.items()} == {
        key: key.rpartition("/")[2] for key in keys
    }
    return {hashlib.sha256(body).hexdigest() for body in bodies.values()}
