from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.gateway.masters.base import Master

if TYPE_CHECKING:
    from pathlib import Path

MOCK = {"test.mock.num.brokers": 1, "log_level": 2}
SESSIONS = {"mock": 4000, "real": 6000}
"""Milliseconds for which the group waits for one that was killed: brokers allow no less; joining the mock takes 3 s."""


class KafkaMaster(Master):
    """confluent-kafka, on the broker at KAFKA_URL, or on the mock that librdkafka carries, which lives in its producer.

    The mock speaks the protocol on a real socket and keeps groups and offsets, in memory: a restart of the broker, with
    what it has on disk, is not shown by it, nor are replicas, their absence, access rights and limits.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        real = os.environ.get("KAFKA_URL", "").removeprefix("kafka://")
        suffix = f"_{secrets.token_hex(4)}" if real else ""
        self.topics = {kind: f"pdf_{kind}{suffix}" for kind in ("tasks", "results", "rejects", "events")}
        self._producer = Producer({"bootstrap.servers": real, "acks": "all"} if real else MOCK)
        self._producer.list_topics(timeout=10)
        self.broker = real or self._broker()
        self._session = SESSIONS["real" if real else "mock"]
        self.group = f"pdfspider{suffix}"
        self._consumer = Consumer(
            {"bootstrap.servers": self.broker, "group.id": f"masters{suffix}", "enable.auto.commit": False}
        )
        partitions = {topic: self._partitions(topic) for topic in self.topics.values()}
        # Assigned, not subscribed: to leave a group may wait for the mock's coordinator for ever.
        self._consumer.assign(
            [one for kind in ("results", "rejects", "events") for one in partitions[self.topics[kind]]]
        )
        self.keys: dict[str, str] = {}
        """Ids of the results by their keys."""
        self._read: dict[str, list[dict[str, Any]]] = {topic: [] for topic in self.topics.values()}

    @property
    def url(self) -> str:
        topics = "&".join(f"{kind}={topic}" for kind, topic in {**self.topics, "group": self.group}.items())
        session = f"session.timeout.ms={self._session}&heartbeat.interval.ms={self._session // 10}"
        return f"kafka://{self.broker}?{topics}&{session}"

    def submit(self, *messages: str) -> None:
        for message in messages:
            self._producer.produce(self.topics["tasks"], message)
        assert self._producer.flush(30) == 0

    def results(self) -> list[dict[str, Any]]:
        return self._consume("results")

    def events(self) -> list[dict[str, Any]]:
        return self._consume("events")

    def rejects(self) -> list[dict[str, Any]]:
        return self._consume("rejects")

    def restart_broker(self) -> None:
        """The mock has nothing on disk, and a broker at KAFKA_URL belongs to somebody."""

    def close(self) -> None:
        self._consumer.close()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        """All from their beginning; the topic is made by asking for it."""
        found = self._producer.list_topics(topic, timeout=10).topics[topic].partitions
        return [TopicPartition(topic, number, OFFSET_BEGINNING) for number in found]

    def _broker(self) -> str:
        (broker,) = self._producer.list_topics(timeout=10).brokers.values()
        return f"{broker.host}:{broker.port}"

    def _consume(self, kind: str) -> list[dict[str, Any]]:
        for message in self._consumer.consume(500, 0.05):
            if message.error():
                continue  # a topic that was only just made
            self._read[message.topic()].append(json.loads(message.value()))
            if message.topic() == self.topics["results"]:
                self.keys[message.key().decode()] = dict(message.headers())["id"].decode()
        return list(self._read[self.topics[kind]])
