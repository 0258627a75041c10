"""What Kafka's masters may rely on besides."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Consumer, TopicPartition

from pdfspider.gateway.base import TooLargeError
from pdfspider.gateway.health import Health
from pdfspider.gateway.registry import make_transports
from pdfspider.gateway.transports.kafka.consumer import TaskConsumer
from pdfspider.gateway.transports.kafka.positions import Positions
from pdfspider.gateway.transports.kafka.producer import ResultProducer
from pdfspider.gateway.transports.kafka.transport import KafkaTransport
from tests.gateway.masters.kafka import KafkaMaster
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from pdfspider.gateway.service import GatewayService
    from tests.gateway.conftest import Start
    from tests.support import Fleet


def test_what_is_settled_is_committed_in_order() -> None:
    positions = Positions()
    for offset in (5, 6, 8, 9):
        positions.take(0, offset)
    positions.take(1, 3)
    positions.settle(0, 6)
    assert positions.advance() == {}
    positions.settle(0, 5)
    assert positions.advance() == {0: 7}
    assert positions.advance() == {}
    positions.settle(0, 9)
    positions.settle(1, 3)
    assert positions.advance() == {1: 4}
    assert len(positions) == 2
    positions.retry(1, 4)
    assert positions.advance() == {1: 4}
    assert positions.holds(0, 8)
    positions.retry(0, 7)
    positions.forget(0)
    assert not positions.holds(0, 8)
    positions.settle(0, 8)
    assert positions.advance() == {}
    assert len(positions) == 0


def test_offsets_and_keys(gateway: Start, site: Server, served: Fleet, tmp_path: Path) -> None:
    """Also where one message cannot be taken in for a while: it comes again, and holds up no other one."""
    master = KafkaMaster(tmp_path)
    running = gateway(master.url, GATEWAY_UNACKNOWLEDGED=6)
    messages = [json.dumps({"url": url, "job": f"job-{n}"}) for n, url in enumerate(site.site.document_urls()[:5])]
    with served.client() as client:
        client.lpush("pdfs:start_urls", json.dumps({"url": site.url, "job": "job-0", "seal": False}))
        tasks = f"{{pdfs}}:tasks:{int(until(lambda: client.hget('{pdfs}:jobs', 'job-0')))}:kafka"
        client.set(tasks, "no hash")
        master.submit(*messages, "not a URL")
        until(lambda: "could not be submitted" in running.output and len(master.results()) == 4)
        client.delete(tasks)
    until(lambda: len({result["id"] for result in master.results()}) == 5 and len(master.rejects()) == 1)
    assert master.keys == {result["job"]: result["id"] for result in master.results()}
    assert asyncio.run(read(master)) == set(master.keys.values())
    running.process.terminate()  # its log has the traceback of what could not be taken in
    assert running.process.wait(PATIENCE) == 0
    of_group, topic = Consumer({"bootstrap.servers": master.broker, "group.id": master.group}), master.topics["tasks"]
    partitions = of_group.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
    committed = of_group.committed([TopicPartition(topic, partition) for partition in partitions], timeout=PATIENCE)
    assert sum(max(partition.offset, 0) for partition in committed) == 6
    of_group.close()
    master.close()


async def read(master: KafkaMaster) -> set[str]:
    """The ids of all results, as aiokafka gets them."""
    topic = master.topics["results"]
    async with AIOKafkaConsumer(topic, bootstrap_servers=master.broker, auto_offset_reset="earliest") as consumer:
        return {json.loads((await consumer.getone()).value)["id"] for _ in master.keys}


async def test_what_is_too_large_is_known_as_such(tmp_path: Path) -> None:
    master = KafkaMaster(tmp_path)
    producer = ResultProducer({"bootstrap.servers": master.broker, "message.max.bytes": "1000"})
    with pytest.raises(TooLargeError):
        await producer.send(master.topics["results"], b"x" * 2000, {}, "key")
    await producer.send(master.topics["results"], b"1", {}, "key")
    await producer.close()
    master.close()


def test_what_is_no_property_is_refused(gateway: Start) -> None:
    refused = gateway("kafka://127.0.0.1:1?no.such.property=1")
    assert refused.process.wait(PATIENCE) == 1
    assert "cannot be Kafka" in refused.output


async def test_a_host_may_be_an_ipv6_address(service: GatewayService) -> None:
    (transport,) = make_transports(["kafka://[::1]:9?brokers=b:9092"], service)
    assert isinstance(transport, KafkaTransport)
    assert transport.properties["bootstrap.servers"] == "[::1]:9,b:9092"


async def test_a_group_that_cannot_be_left_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pdfspider.gateway.transports.kafka.consumer.CLOSE_TIMEOUT_S", 0.05)
    ended = threading.Event()
    monkeypatch.setattr(TaskConsumer, "_leave", lambda _: ended.wait(PATIENCE))
    properties = {"bootstrap.servers": "127.0.0.1:9", "group.id": "group"}
    await TaskConsumer("tasks", properties, 10, Health("kafka")).close()
    assert "could not be left" in caplog.text
    ended.set()
