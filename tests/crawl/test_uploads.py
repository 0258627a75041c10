"""An S3 that refuses, breaks off, and loses what it said it took; and what dead workers leave in staging."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from bench.server import Server, serve
from bench.site import Site
from pdfspider.documents.store import document_path
from tests.faults.s3 import KEYS, FaultyS3, faulty_s3, make_bucket, stored_objects
from tests.support import leftovers, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Fleet


@pytest.fixture
def s3() -> Iterator[FaultyS3]:
    with faulty_s3() as server:
        yield server


@pytest.fixture
def bucket(s3: FaultyS3) -> Iterator[Any]:
    with make_bucket(s3) as client:
        yield client


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(Site(hosts=2, pages=4, documents=10)) as running:
        yield running


FAULTS = ["500", "cut", "lose", "halve"]


def test_an_upload_that_failed_is_tried_again(
    fleet: Fleet, server: Server, s3: FaultyS3, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # or the client would try again by itself
    s3.faults = FAULTS * 2
    settings = {**KEYS, "AWS_ENDPOINT_URL": s3.endpoint, "FILES_STORE": "s3://bucket/", "RETRY_TIMES": 8}
    worker = fleet.crawl(server.url, arguments={"scope": "any"}, **settings)
    assert s3.met == FAULTS * 2
    assert stored_objects(bucket) == set(server.site.expected().values())
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
    assert stored_objects(bucket) == set()


def test_an_object_has_the_access_and_the_further_name_that_settings_say(
    fleet: Fleet, server: Server, s3: FaultyS3, bucket: Any
) -> None:
    settings = {**KEYS, "AWS_ENDPOINT_URL": s3.endpoint, "FILES_STORE": "s3://bucket/kept/"}
    settings |= {"FILES_STORE_S3_ACL": "public-read", "PDF_FILE_NAMES": "path"}
    fleet.crawl(server.site.document_url(0), **settings)
    sha256, place = server.site.expected()[server.site.document_url(0)], urlsplit(server.site.document_url(0))
    keys = [item["Key"] for item in bucket.list_objects_v2(Bucket="bucket")["Contents"]]
    named = f"kept/{place.netloc.replace(':', '_')}{place.path.removesuffix('.pdf')}-{sha256[:8]}.pdf"
    assert sorted(keys) == sorted([f"kept/{document_path(sha256)}", named])
    for key in keys:
        assert hashlib.sha256(bucket.get_object(Bucket="bucket", Key=key)["Body"].read()).hexdigest() == sha256
        grants = bucket.get_object_acl(Bucket="bucket", Key=key)["Grants"]
        assert "http://acs.amazonaws.com/groups/global/AllUsers" in [grant["Grantee"].get("URI") for grant in grants]


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
