"""What RQ's masters may rely on besides."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from pdfspider.exceptions import InvalidInput
from pdfspider.gateway.transports.rq.transport import read_job
from tests import fork_server
from tests.gateway.serving import eventually, in_thread, serving
from tests.servers.processes import RedisProcess
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.server import Server
    from pdfspider.gateway.service import GatewayService
    from tests.gateway.conftest import Start

NAME = "crawling.download_pdf"


class Touch:
    """What touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RedisProcess]:
    broker = RedisProcess(tmp_path / "redis")
    yield broker
    broker.kill()


def work(broker: RedisProcess, queue: str) -> None:
    """As ``rq worker``, until the queue is empty."""
    command = [
        Path(sys.executable).with_name("rq"),
        "worker",
        "--burst",
        "--quiet",
        "-u",
        broker.url,
        "-S",
        "json",
        queue,
    ]
    subprocess.run(command, check=True, timeout=PATIENCE, env=dict(os.environ))


def test_a_job_ends_as_with_a_worker(broker: RedisProcess, gateway: Start, site: Server, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    with broker.client() as connection:
        queue = Queue("documents", connection=connection, serializer=JSONSerializer)
        after = Queue("after", connection=connection, serializer=JSONSerializer)
        pickled = Queue("documents", connection=connection).enqueue(NAME, Touch(touched), meta={"a": Touch(touched)})
        job = queue.enqueue(NAME, site.site.document_url(5), ttl=600, meta={"mine": 1})
        dependent = after.enqueue("os.path.basename", "a/b", depends_on=job)
        cancelled = queue.enqueue(NAME, site.url)
        gone = queue.enqueue(NAME, site.url)
        cancelled.cancel()
        connection.rpush(queue.key, cancelled.id)
        connection.delete(gone.key)
        connection.set(f"{Job.redis_job_namespace_prefix}text", "no hash")
        connection.hset(f"{Job.redis_job_namespace_prefix}damaged", mapping={"status": "odd", "data": "{}"})
        connection.rpush(queue.key, b"\xff", "text", "damaged")
        running = gateway(f"rq+{broker.url}?tasks=documents")
        unkept = queue.enqueue(NAME, site.site.document_url(6), result_ttl=0)
        last = queue.enqueue(NAME, "http://10.1.2.3/")
        until(lambda: last.get_status() is JobStatus.FAILED and job.get_status() is JobStatus.FINISHED)
        assert "not a public address" in last.latest_result().exc_string
        assert job.return_value()["documents"][0]["url"] == site.site.document_url(5)
        assert job.return_value()["task_id"] == job.id
        assert job.get_meta() == {"mine": 1}
        until(lambda: not connection.exists(unkept.key))
        assert 0 < connection.ttl(job.key) <= 500
        until(lambda: dependent.get_status() is JobStatus.QUEUED)
        work(broker, "after")
        assert dependent.return_value() == "b"
        assert cancelled.get_status() is JobStatus.CANCELED
        assert pickled.get_status() is JobStatus.FAILED
        assert "never accepted" in pickled.latest_result().exc_string
        assert set(queue.failed_job_registry.get_job_ids()) == {pickled.id, last.id}
        assert not touched.exists()
        asked = ["rejects", "rq", pickled.id, "-s", f"GATEWAY_URLS=rq+{broker.url}?tasks=documents"]
        command = ["scrapy", *asked, "-s", f"REDIS_URL={broker.url}"]
        assert fork_server.run([*command, "--raw"], text=False).stdout == pickled.data
        fork_server.run([*command, "--resend"]).check_returncode()
        until(lambda: len(pickled.results()) == 2)  # it was sent again, and makes no more sense
        assert "The job damaged is damaged" in running.output
        damaged = connection.hget(f"{Job.redis_job_namespace_prefix}damaged", "status")
        assert (damaged, "Traceback" in running.output) == (b"failed", False)
        running.kill()


async def test_a_job_for_later_is_enqueued_when_it_is_due(broker: RedisProcess, service: GatewayService) -> None:
    with broker.client() as connection:
        queue = Queue("later", connection=connection, serializer=JSONSerializer)
        job = queue.enqueue_in(timedelta(seconds=1), NAME, "http://example.org/")
        assert job.get_status() is JobStatus.SCHEDULED
        async with serving(f"rq+{broker.url}?tasks=later", service):
            await eventually(lambda: in_thread(lambda: job.get_status() is JobStatus.STARTED))
        assert not connection.keys("rq:scheduler-lock:*")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"data": b""}, "not JSON"),
        ({"data": zlib.compress(b"[1, 2]")}, "not a function call"),
        ({"data": zlib.compress(b'["a.download_pdf", "object", [], {}]')}, "not a function call"),
        ({"data": b'["a.other", null, ["http://a.example/"], {}]'}, "'a.other' is unknown"),
        ({"data": zlib.compress(bytes(1001))}, "more than 1,000 bytes"),
        (
            {"data": zlib.compress(b"[]"), "success_callback_name": b"a.f"},
            "success_callback_name: the gateway runs nothing",
        ),
    ],
)
def test_what_makes_no_sense_has_a_reason(fields: dict[str, bytes], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_job("1", {name.encode(): value for name, value in fields.items()}, 1000)
