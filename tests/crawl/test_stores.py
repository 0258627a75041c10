"""Where documents and records go, and what a worker refuses to work with."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from sqlalchemy import create_engine, text

from bench.processes import free_port
from bench.server import Server, serve
from bench.site import Site
from tests.crawl.hostile import hostile, page
from tests.servers.moto import empty_s3
from tests.support import Fleet, Worker, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(Site(hosts=2, pages=6, documents=12)) as running:
        yield running


@pytest.fixture
def s3() -> Iterator[tuple[str, dict[str, str]]]:
    """The endpoint of an S3, and the settings that lead there."""
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION_NAME": "us-east-1"}
    with empty_s3() as (host, port):
        endpoint = f"http://{host}:{port}"
        yield endpoint, {"AWS_ENDPOINT_URL": endpoint, **keys}


def test_documents_go_to_s3(fleet: Fleet, server: Server, s3: tuple[str, dict[str, str]]) -> None:
    endpoint, settings = s3
    client: Any = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="bucket")
    fleet.crawl(server.url, arguments={"scope": "any"}, FILES_STORE="s3://bucket/prefix/", **settings)
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="bucket")["Contents"]]
    digests = {hashlib.sha256(client.get_object(Bucket="bucket", Key=key)["Body"].read()).hexdigest() for key in keys}
    assert digests == set(server.site.expected().values())
    assert {f"prefix/{digest[:2]}/{digest[2:4]}/{digest}.pdf" for digest in digests} == set(keys)
    assert fleet.job()["classes"] == {"page": 6, "document": 12}
    assert not [
        path for path in fleet.data.rglob("*") if path.is_file() and path.stat().st_size and ".staging" in path.parts
    ]
    client.close()


def test_a_bucket_that_is_not_there(fleet: Fleet, s3: tuple[str, dict[str, str]]) -> None:
    refused(fleet.start("http://127.0.0.1/", FILES_STORE="s3://no-such-bucket/", **s3[1]), "no such bucket")


def test_records_go_to_postgresql(fleet: Fleet, postgresql: str) -> None:
    engine = create_engine(postgresql.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    with serve(Site(hosts=2, pages=20, documents=40), latency=60) as server:
        (other,) = fleet.stand(1, DATABASE_URL=postgresql, CONCURRENT_REQUESTS=4)
        fleet.crawl(server.url, arguments={"scope": "any"}, DATABASE_URL=postgresql, CONCURRENT_REQUESTS=4)
        other.dismiss()
        expected = server.site.expected()
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT url, outcome, sha256 FROM captures")).all()
        documents = {row.sha256 for row in connection.execute(text("SELECT sha256 FROM documents"))}
    engine.dispose()
    assert {url: sha256 for url, outcome, sha256 in rows if outcome == "document"} == expected
    assert len(rows) == 60
    assert documents == fleet.files() == set(expected.values())


def refused(worker: Worker, *words: str) -> None:
    """It has ended and said why, without a traceback."""
    assert worker.wait() != 0, worker.output
    assert "Traceback" not in worker.output
    for word in words:
        assert word in worker.output


@pytest.mark.parametrize("part", ["store", "database"])
def test_a_worker_with_another_store_or_database_is_refused(fleet: Fleet, tmp_path: Path, part: str) -> None:
    (first,) = fleet.stand(1)
    changed = {"store": {"FILES_STORE": tmp_path / "other"}, "database": {"DATABASE_URL": f"sqlite:///{tmp_path}/o.db"}}
    refused(fleet.start(**changed[part]), "is not the one that this frontier's workers use", str(tmp_path))
    assert first.process.poll() is None
    first.dismiss()


def test_a_store_that_cannot_be_written(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(fleet.start(FILES_STORE=tmp_path / "file" / "store"), "cannot be used", str(tmp_path / "file"))


def test_a_store_without_permission(fleet: Fleet, read_only: Path) -> None:
    refused(fleet.start(FILES_STORE=read_only), "cannot", str(read_only))


def test_a_database_that_cannot_be_used(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(fleet.start(DATABASE_URL=f"sqlite:///{tmp_path}/file/x.db"), str(tmp_path / "file"))


def test_a_database_that_is_not_there(fleet: Fleet) -> None:
    refused(fleet.start(DATABASE_URL=f"postgresql://me:secret@127.0.0.1:{free_port()}/x"), "me:***@127.0.0.1")
    assert "secret" not in fleet.workers[0].output


def test_no_redis(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, f"redis://user:secret@127.0.0.1:{free_port()}/0")
    worker = fleet.start("http://127.0.0.1/")
    refused(worker, "no Redis at redis://user:***@127.0.0.1")
    assert "secret" not in worker.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"urls": "ftp://127.0.0.1/"}, ["ftp"]),
        ({"urls": "http://[bad"}, ["http://[bad"]),
        (
            {"urls": "http://127.0.0.1/", "scope": "planet", "depth": "three", "max_pages": "-1", "job": "a b"},
            ["scope", "depth", "max_pages", "job"],
        ),
        ({"job": "unheard-of"}, ["unheard-of"]),
    ],
)
def test_arguments_that_make_no_sense(fleet: Fleet, arguments: dict[str, str], words: list[str]) -> None:
    worker = fleet.start(arguments=arguments)
    assert worker.wait() != 0
    for word in words:
        assert word in worker.output


@pytest.mark.parametrize(("name", "value"), [("DOWNLOAD_DELAY", "soon"), ("FRONTIER_LEASE_SECONDS", 0)])
def test_settings_that_make_no_sense(fleet: Fleet, name: str, value: object) -> None:
    worker = fleet.start("http://127.0.0.1/", **{name: value})
    assert worker.wait() != 0
    assert f"{name}={str(value)!r}" in worker.output


def test_a_refusal_costs_the_others_nothing(fleet: Fleet, tmp_path: Path) -> None:
    with hostile({"/": page("/a"), "/a": lambda request: request.hang()}) as server:
        fleet.start(server.url())
        until(lambda: "/a" in server.paths())
        refused(fleet.start(FILES_STORE=tmp_path / "other"), "is not the one")
        assert fleet.job()["leased"] == 1
