"""What Celery's masters may rely on besides."""

from __future__ import annotations

import json
import lzma
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from celery.exceptions import TaskRevokedError
from kombu import Exchange, Queue
from kombu.compression import compress
from kombu.transport.native_delayed_delivery import declare_native_delayed_delivery_exchanges_and_queues
from pika.exceptions import ChannelClosedByBroker

from pdfspider.exceptions import InvalidInput
from pdfspider.gateway.transports.celery.messages import TaskMessage, unwrap
from pdfspider.submission.rejected import Rejected
from tests.crawl.hostile import Request, hostile
from tests.gateway.serving import equals, eventually, in_thread, serving
from tests.servers.processes import RedisProcess
from tests.support import PATIENCE, ROOT, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pika

    from bench.server import Server
    from pdfspider.gateway.service import GatewayService
    from tests.gateway.conftest import Start
    from tests.gateway.rabbitmq import RabbitMQ

HERE = Path(__file__).parent
HEADERS = {"task": "pdf_crawler.download_pdf", "id": "1"}
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


@pytest.fixture
def app(broker: RabbitMQ) -> Iterator[Celery]:
    with Celery("masters", broker=broker.url, backend="rpc://", set_as_current=False) as app:
        yield app
        app.backend.result_consumer.stop()


def run_master(broker: RabbitMQ, *command: str) -> str:
    """The task's id."""
    environment = {**os.environ, "CELERY_BROKER_URL": broker.url}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=HERE,
        env=environment,
        check=True,
        timeout=PATIENCE,
        text=True,
        stdout=subprocess.PIPE,
    )
    return done.stdout.strip()


def take(broker: RabbitMQ, queue: str) -> tuple[pika.BasicProperties, bytes] | None:
    with broker.connect() as connection:
        try:
            method, properties, body = connection.channel().basic_get(queue, auto_ack=True)
        except ChannelClosedByBroker:
            return None
        return (properties, body) if method else None


def result_of(broker: RabbitMQ) -> dict[str, Any]:
    return json.loads(until(lambda: take(broker, "pdf_results"))[1])


def test_a_master_that_people_have_needs_no_change(broker: RabbitMQ, gateway: Start, site: Server) -> None:
    document = site.site.document_url(2)
    first = run_master(broker, "celery_master.py", document)
    running = gateway(f"celery+pyamqp://guest@127.0.0.1:{broker.port}//")
    answer = result_of(broker)
    assert answer["task_id"] == first
    assert [found["url"] for found in answer["documents"]] == [document]
    with broker.connect() as connection:
        connection.channel().queue_delete("celery")
    until(lambda: "the broker has cancelled the consumer" in running.output)
    second = run_master(broker, "-c", f"import celery_master; print(celery_master.download_pdf.delay({site.url!r}))")
    answer = result_of(broker)
    assert answer["task_id"] == second
    assert len(answer["documents"]) > 1
    running.stop()


@contextmanager
def worker(broker: RabbitMQ, *options: str) -> Iterator[None]:
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "pdfspider.gateway.tasks",
        "-b",
        broker.url,
        "worker",
        "-P",
        "solo",
    ]
    process = subprocess.Popen([*command, *options], cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_tasks_on_redis_wait_and_expire(gateway: Start, site: Server, tmp_path: Path) -> None:
    broker = RedisProcess(tmp_path / "redis")
    url = site.site.document_url(3)
    with Celery("masters", broker=broker.url, backend=broker.url, set_as_current=False) as app:
        began = time.time()
        later = app.send_task("any.download_pdf", [url], countdown=2, priority=9)
        late = app.send_task("any.download_pdf", [url], expires=0.001)
        ignored = app.send_task("any.download_pdf", [url], ignore_result=True)
        running = gateway(f"celery+{broker.url}?backend={broker.url}")
        with pytest.raises(TaskRevokedError, match="expired"):
            late.get(60)
        with hostile() as server:
            server.answers["/"] = Request.hang
            begun = app.send_task("any.download_pdf", [server.url()])
            until(lambda: "/" in server.paths())
            app.control.revoke(["to-come", begun.id])
            until(lambda: "was revoked" in running.output)
        revoked = app.send_task("any.download_pdf", [url], countdown=1, task_id="to-come")
        assert begun.get(60)["state"] == "cancelled"
        with pytest.raises(TaskRevokedError):
            revoked.get(60)
        assert later.get(60)["counts"]["documents"] == 1
        assert time.time() >= began + 2
        assert json.loads(json.loads(broker.call("RPOP", "celery:rejected"))["message"])["headers"]["id"] == late.id
        with broker.client() as client:
            ((_, fields),) = until(lambda: client.xrange("pdfs:results"))
        assert json.loads(fields[b"result"])["task_id"] == ignored.id
        running.stop()
        app.backend.result_consumer.stop()
    broker.kill()


def test_a_task_is_answered_where_its_master_listens(
    app: Celery, broker: RabbitMQ, gateway: Start, site: Server
) -> None:
    own = f"celery+{broker.url}?tasks=pdfs&declare_tasks=durable#handed-on"
    running = gateway(f"celery+{broker.url}?declare_tasks=durable,{own}")
    url = site.site.document_url(4)
    began = time.time()
    later = app.send_task("any.download_pdf", [url], {"task_id": "later"}, countdown=2)
    unknown = app.send_task("any.other", [url], expires=600)
    pickled = app.send_task("any.download_pdf", [url], serializer="pickle")
    with Celery("old", broker=broker.url, set_as_current=False, changes={"task_protocol": 1}) as old:
        old.send_task("any.download_pdf", [url])
    with worker(broker, "-Q", "mixed"):
        by_worker = app.send_task("pdf_crawler.download_pdf", [url], {"meta": {"a": 1}}, queue="mixed").get(60)
    assert (by_worker["meta"], by_worker["counts"]["documents"]) == ({"a": 1}, 1)
    with pytest.raises(ValueError, match=r"'any.other' is unknown"):
        unknown.get(60)
    with pytest.raises(ValueError, match="only application/json"):
        pickled.get(60)
    app.control.revoke("unwanted")
    revoked = app.send_task("any.download_pdf", [url], task_id="unwanted", countdown=2)
    with pytest.raises(TaskRevokedError):
        revoked.get(60)
    assert later.get(60)["task_id"] == "later"
    assert time.time() >= began + 2
    aside = [Rejected.load(until(lambda: take(broker, "celery_rejects"))[1]) for _ in range(3)]
    assert any("protocol 1" in rejected.reason for rejected in aside)
    properties = {rejected.message: rejected.metadata["properties"] for rejected in aside}
    (found,) = [known for known in properties.values() if known.get("headers", {}).get("task") == "any.other"]
    assert [json.loads(body) for body, known in properties.items() if known is found] == [[[url], {}, EMBED]]
    assert (found["headers"]["id"], found["correlation_id"]) == (unknown.id, unknown.id)
    running.stop()


def quorum_app(broker: RabbitMQ) -> Celery:
    topic = Exchange("quorum_topic", type="topic")
    queue = Queue("quorum_tasks", topic, routing_key="by.key", queue_arguments={"x-queue-type": "quorum"})
    app = Celery("quorum", broker=broker.url, set_as_current=False)
    app.conf.update(task_queues=[queue], task_default_queue="quorum_tasks", task_default_routing_key="by.key")
    app.conf.update(task_default_exchange="quorum_topic", task_default_exchange_type="topic")
    with app.connection() as connection:
        queue(connection).declare()
    return app


async def test_a_task_may_be_delayed_by_quorum_queues(broker: RabbitMQ, service: GatewayService) -> None:
    url = f"celery+{broker.url}?tasks=quorum_tasks&exchange=quorum_topic&routing_key=by.key"
    with quorum_app(broker) as app:
        async with serving(url, service) as transport:
            await eventually(lambda: equals(done(transport.health.state), "up"))
            began = time.time()
            await in_thread(lambda: app.send_task("any.download_pdf", ["http://example.org/"], countdown=2))
            await eventually(lambda: known(service))
        with app.connection() as connection:  # a worker of Celery's finds what it would have made
            declare_native_delayed_delivery_exchanges_and_queues(connection, "quorum")
    assert time.time() >= began + 2
    assert service.health("celery").error == ""


async def test_what_is_no_topic_or_no_quorum_queue_is_left_alone(broker: RabbitMQ, service: GatewayService) -> None:
    with broker.connect() as connection:
        channel = connection.channel()
        channel.exchange_delete("celery_delayed_delivery")  # of another test
        for name, kind in (("plain", "direct"), ("other", "topic")):
            channel.exchange_declare(name, kind, durable=True)
            channel.queue_declare(name, durable=True)
            channel.queue_bind(name, name, name)
            async with serving(f"celery+{broker.url}?tasks={name}#{name}", service) as transport:
                await eventually(lambda transport=transport: equals(done(transport.health.state), "up"))
        with pytest.raises(ChannelClosedByBroker, match="NOT_FOUND"):
            connection.channel().exchange_declare("celery_delayed_delivery", passive=True)


async def done(value: Any) -> Any:
    return value


async def known(service: GatewayService) -> list[str]:
    return [name async for name, _ in service.frontier.jobs()]


@pytest.mark.filterwarnings("ignore:Call to deprecated")  # by Celery
async def test_masters_on_redis_may_have_prefixes_and_steps_of_their_own(
    tmp_path: Path, service: GatewayService
) -> None:
    """And whatever depends on a task that cannot be run ends as it does."""
    server = RedisProcess(tmp_path / "masters")
    theirs = "global_keyprefix=app:&backend_global_keyprefix=results&priority_steps=0,1,2&sep=:"
    url = f"celery+{server.url}?backend={server.url}&{theirs}"
    async with serving(url, service):
        command = [sys.executable, HERE / "celery_canvases.py", server.url]
        told = await in_thread(lambda: subprocess.run(command, check=True, timeout=120, text=True, stdout=PIPE).stdout)
    server.kill()
    ends = [line.split(" ", 2) for line in told.splitlines()]
    assert [(name, kind) for name, kind, _ in ends] == [
        ("task", "ValueError"),
        ("late", "TaskRevokedError"),
        *[("chain", "ValueError")] * 3,
        ("group", "ValueError"),
        ("chord", "ValueError"),
    ]
    assert all("the gateway runs nothing after a task" in reason for _, _, reason in ends[2:])


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({"task": None}, [["http://a.example/"], {}, EMBED], "None is unknown"),
        ({"id": None}, [["http://a.example/"], {}, EMBED], "not a task message"),
        ({"compression": "application/x-gzip"}, [[], {}, EMBED], "not valid as application/x-gzip"),
        ({"compression": "application/x-brotli"}, [[], {}, EMBED], "x-brotli.*: application/x-gzip, .* are accepted"),
        ({"compression": ["x"]}, [[], {}, EMBED], "compressed as"),
        ({"eta": "soon"}, [["http://a.example/"], {}, EMBED], "'soon' is not a time"),
        ({"expires": "2020-01-01T00:00:00+00:00"}, [["http://a.example/"], {}, EMBED], "expired at 2020"),
        ({}, [["http://a.example/", 3], {}, EMBED], "takes one URL"),
        ({}, [["http://a.example/"], {"url": "http://b.example/"}, EMBED], "takes one URL"),
        (
            {},
            [["http://a.example/"], {}, {**EMBED, "chain": [{"task": "next"}]}],
            "chain: the gateway runs nothing after",
        ),
        ({}, {"args": []}, "not a task message"),
    ],
)
def test_what_makes_no_sense_has_a_reason(headers: dict[str, Any], body: Any, reason: str) -> None:
    raw = json.dumps(body).encode()
    task = TaskMessage(headers={**HEADERS, **headers}, body=raw, content_type="application/json")
    with pytest.raises(InvalidInput, match=reason):
        task.message()


@pytest.mark.parametrize("method", ["gzip", "zlib", "bzip2", "lzma", "zstd"])
def test_a_compressed_task_is_the_same_task(method: str) -> None:
    body, name = compress(json.dumps([["http://a.example/"], {}, EMBED]), method)
    task = TaskMessage(headers={**HEADERS, "compression": name}, body=body, content_type="application/json", limit=1000)
    assert json.loads(task.message())["url"] == "http://a.example/"
    for damaged, reason in ((body[:-1], "incomplete"), (b"\1" + body[1:], "not valid")):
        with pytest.raises(InvalidInput, match=reason):
            replace(task, body=damaged).message()
    bomb, _ = compress(b" " * 10_000_000, method)
    with pytest.raises(InvalidInput, match="more than 1,000 bytes"):
        replace(task, body=bomb).message()
    assert not replace(task, body=bomb).later()


def test_xz_gets_no_more_memory_whatever_its_header_asks_for() -> None:
    body = lzma.compress(b"[]", lzma.FORMAT_XZ, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}])
    task = TaskMessage(
        headers={**HEADERS, "compression": "application/x-lzma"}, body=body, content_type="application/json"
    )
    with pytest.raises(InvalidInput, match="not valid as application/x-lzma: Memory usage limit"):
        task.message()


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"http://a.example/", b"\x80\x04N.", b'{"body": 1, "headers": 2}'])
def test_what_kombu_did_not_write_makes_no_sense(raw: bytes) -> None:
    task = unwrap(raw)
    assert (task.id, task.waits()) == ("", False)
    with pytest.raises(InvalidInput):
        task.message()
