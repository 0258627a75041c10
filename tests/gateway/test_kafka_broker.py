"""What only a real Kafka shows: groups that go on without a gateway, and brokers that come back."""

from __future__ import annotations

import json
import secrets
import signal
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from tests.certificates import make_certificates
from tests.gateway.masters.kafka import KafkaBrokerMaster
from tests.servers.kafka import KafkaProcess
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start
    from tests.support import Fleet

pytestmark = pytest.mark.slow
POLLED = 6


@pytest.fixture
def master(tmp_path: Path) -> Iterator[KafkaBrokerMaster]:
    master = KafkaBrokerMaster(tmp_path)
    yield master
    master.close()


@pytest.fixture
def url(master: KafkaBrokerMaster) -> str:
    """Of gateways that the group gives up after a short time without a poll."""
    return f"{master.url}&max.poll.interval.ms={POLLED * 1000}&session.timeout.ms={POLLED * 1000}"


def committed(master: KafkaBrokerMaster) -> int:
    """Up to where the gateways' group has settled its messages."""
    of_group, topic = Consumer({"bootstrap.servers": master.broker, "group.id": master.group}), master.topics["tasks"]
    partitions = of_group.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
    found = of_group.committed([TopicPartition(topic, partition) for partition in partitions], timeout=PATIENCE)
    of_group.close()
    return sum(max(partition.offset, 0) for partition in found)


def answered(master: KafkaBrokerMaster, count: int) -> bool:
    return {result["task_id"] for result in master.results()} >= set(range(count))


def test_a_group_that_changes_loses_nothing(
    master: KafkaBrokerMaster, url: str, gateway: Start, site: Server, served: Fleet
) -> None:
    """One comes, one is killed, one stands still until it is given up, the broker dies: in the midst of messages."""
    urls = site.site.document_urls()
    names = iter(range(10_000))

    def submit(count: int) -> int:
        given = [next(names) for _ in range(count)]
        master.submit(*(json.dumps({"url": urls[name % len(urls)], "task_id": name}) for name in given))
        return given[-1] + 1

    first = gateway(url)
    submit(60)
    second = gateway(url)
    submit(60)
    first.kill()
    third = gateway(url)
    third.process.send_signal(signal.SIGSTOP)
    count = submit(60)
    until(lambda: answered(master, count))
    third.process.send_signal(signal.SIGCONT)
    submit(60)
    master.restart_broker()
    count = submit(60)
    until(lambda: answered(master, count))
    until(lambda: committed(master) == count)
    for running in (second, third):
        running.stop()
    results = {result["id"]: result["task_id"] for result in master.results()}
    assert sorted(results.values()) == list(range(count))
    served.audit()


def test_who_has_no_room_stays_in_the_group(
    master: KafkaBrokerMaster, url: str, gateway: Start, site: Server, served: Fleet
) -> None:
    running = gateway(url, GATEWAY_OPEN_JOBS=3, GATEWAY_UNACKNOWLEDGED=2)
    document = site.site.document_url(0)
    names = [f"open-{n}" for n in range(12)]
    master.submit(*(json.dumps({"url": document, "job": name, "seal": False}) for name in names))
    with served.client() as client:
        until(lambda: client.scard("{pdfs}:unanswered") >= 3)
    time.sleep(1.5 * POLLED)
    assert committed(master) <= 3 + 2
    while len(master.results()) < len(names):
        opened = [name for name, job in served.status()["jobs"].items() if name in names and not job["sealed"]]
        for name in opened:
            served.push(json.dumps({"url": document, "job": name, "seal": True}))
        time.sleep(0.1)
    until(lambda: committed(master) == len(names))
    assert sorted(result["job"] for result in master.results()) == sorted(names)
    assert "cannot be used" not in running.output
    running.stop()


def test_what_is_too_large_for_a_topic_is_cut(master: KafkaBrokerMaster, gateway: Start, site: Server) -> None:
    """By what it is when it is compressed."""
    admin, limit = AdminClient({"bootstrap.servers": master.broker}), ConfigEntry("max.message.bytes", "700")
    limit.incremental_operation = AlterConfigOpType.SET
    topics = [
        ConfigResource("topic", master.topics[name], incremental_configs=[limit]) for name in ("results", "rejects")
    ]
    for done in admin.incremental_alter_configs(topics).values():
        done.result(30)
    running = gateway(master.url)
    master.submit(json.dumps({"url": site.url, "depth": 3, "scope": "any"}), secrets.token_hex(1000))
    (result,) = until(master.results)
    assert result["truncated"]
    assert 0 < len(result["documents"]) < result["counts"]["documents"] == 9
    (rejected,) = until(master.rejects)
    assert len(rejected["message"]) == 200
    running.stop()


def test_only_committed_transactions_are_read(
    master: KafkaBrokerMaster, gateway: Start, site: Server, served: Fleet
) -> None:
    running = gateway(master.url)
    producer = Producer({"bootstrap.servers": master.broker, "transactional.id": secrets.token_hex(4)})
    producer.init_transactions(30)
    urls = site.site.document_urls()
    for number in range(20):
        producer.begin_transaction()
        for part in range(3):
            message = {"url": urls[part], "task_id": f"{number}.{part}"}
            producer.produce(master.topics["tasks"], json.dumps(message))
        producer.flush(30)  # they are in the log, whether they are committed or not
        producer.abort_transaction(30) if number % 2 else producer.commit_transaction(30)
    expected = {f"{number}.{part}" for number in range(0, 20, 2) for part in range(3)}
    until(lambda: {result["task_id"] for result in master.results()} >= expected)
    master.submit(json.dumps({"url": urls[0], "task_id": "last"}))
    until(lambda: "last" in {result["task_id"] for result in master.results()})
    assert {result["task_id"] for result in master.results()} == expected | {"last"}
    running.stop()
    served.audit()


def test_a_value_above_the_limit_is_set_aside_and_one_below_it_is_served(
    master: KafkaBrokerMaster, gateway: Start, site: Server
) -> None:
    admin, limit = AdminClient({"bootstrap.servers": master.broker}), ConfigEntry("max.message.bytes", "8000000")
    limit.incremental_operation = AlterConfigOpType.SET
    resource = ConfigResource("topic", master.topics["tasks"], incremental_configs=[limit])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(30)
    running = gateway(master.url, GATEWAY_MESSAGE_MAX_SIZE=3_000_000)
    sender = Producer({"bootstrap.servers": master.broker, "message.max.bytes": 8_000_000})
    url = site.site.document_url(1)
    for size in (2_500_000, 5_000_000):
        padding = " " * size
        sender.produce(master.topics["tasks"], json.dumps({"url": url, "task_id": size}) + padding)
    assert sender.flush(30) == 0
    (result,) = until(master.results)
    assert result["task_id"] == 2_500_000
    (rejected,) = until(master.rejects)
    assert "3,000,000" in rejected["reason"]
    assert str(5_000_000) in rejected["message"]
    running.stop()


def test_tls_with_certificates_of_both_sides(tmp_path: Path, gateway: Start, site: Server) -> None:
    made = make_certificates(tmp_path)
    directory = tmp_path / "kafka"
    directory.mkdir()
    server = KafkaProcess(directory, made)
    try:
        files = {"ca": made.ca, "certificate": made.client, "key": made.client_key}
        properties = {f"ssl.{name}.location": str(file) for name, file in files.items()}
        address = f"127.0.0.1:{server.tls_port}"
        running = gateway(f"kafkas://{address}?{urlencode(properties)}")
        tls = {"bootstrap.servers": address, "security.protocol": "ssl", **properties}
        producer = Producer(tls)
        producer.produce("pdf_tasks", site.site.document_url(1))
        assert producer.flush(60) == 0
        consumer = Consumer({**tls, "group.id": "masters", "auto.offset.reset": "earliest"})
        consumer.subscribe(["pdf_results"])
        message = until(lambda: (found := consumer.poll(1)) and not found.error() and found)
        assert json.loads(message.value())["counts"]["documents"] == 1
        consumer.close()
        running.stop()
    finally:
        server.kill()
