from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.gateway.masters.base import Master
from tests.servers.kafka import broker
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

MOCK = {"test.mock.num.brokers": 1, "log_level": 2}


class KafkaMaster(Master):
    """confluent-kafka, on the mock that librdkafka carries, which lives in its producer.

    The mock speaks the protocol on a real socket and keeps groups and offsets, in memory: a restart of the broker, with
    what it has on disk, is not shown by it, nor are replicas, their absence, access rights and limits.
    """

    session = 4000
    """Milliseconds for which the group waits for one that was killed: joining the mock takes 3 s."""

    shared = False
    """Whether the broker may have topics of others."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        suffix = f"_{secrets.token_hex(4)}" if self.shared else ""
        self.topics = {kind: f"pdf_{kind}{suffix}" for kind in ("tasks", "results", "rejects", "events")}
        self.group = f"pdfspider{suffix}"
        self.keys: dict[str, str] = {}
        """Ids of the results by their keys."""
        self._read: dict[str, list[dict[str, Any]]] = {topic: [] for topic in self.topics.values()}
        self._connect()

    @property
    def url(self) -> str:
        topics = "&".join(f"{kind}={topic}" for kind, topic in {**self.topics, "group": self.group}.items())
        session = f"session.timeout.ms={self.session}&heartbeat.interval.ms={self.session // 10}"
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
        """The mock has nothing on disk."""

    def close(self) -> None:
        self._consumer.close()

    def _connect(self) -> None:
        self._producer = Producer(self._servers())
        ((_, node),) = self._producer.list_topics(timeout=PATIENCE).brokers.items()
        self.broker = f"{node.host}:{node.port}"
        servers = {"bootstrap.servers": self.broker, "log_level": 2}
        self._consumer = Consumer({**servers, "group.id": f"{self.group}_masters", "enable.auto.commit": False})
        partitions = [one for topic in self.topics.values() for one in self._partitions(topic)]
        # Assigned, not subscribed: to leave a group may wait for the mock's coordinator for ever.
        self._consumer.assign([one for one in partitions if one.topic != self.topics["tasks"]])

    def _partitions(self, topic: str) -> list[TopicPartition]:
        """All from their beginning; the topic is made by asking for it."""
        found = until(lambda: self._producer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions)
        return [TopicPartition(topic, number, OFFSET_BEGINNING) for number in found]

    def _servers(self) -> dict[str, Any]:
        return MOCK

    def _consume(self, kind: str) -> list[dict[str, Any]]:
        for message in self._consumer.consume(500, 0.05):
            if message.error():
                continue  # a topic that was only just made, or a broker that is away
            self._keep(message.topic(), message.key(), message.value(), dict(message.headers()))
        return list(self._read[self.topics[kind]])

    def _keep(self, topic: str, key: bytes | None, value: bytes, headers: dict[str, bytes]) -> None:
        self._read[topic].append(json.loads(value))
        if topic == self.topics["results"] and key:
            self.keys[key.decode()] = headers["id"].decode()


class KafkaBrokerMaster(KafkaMaster):
    """The same on a real broker."""

    shared = True

    def restart_broker(self) -> None:
        self.server.restart()

    def close(self) -> None:
        super().close()
        self.server.kill()

    def _servers(self) -> dict[str, Any]:
        self.server = broker(self.directory)
        self.session = self.server.session
        return {"bootstrap.servers": self.server.address, "acks": "all", "log_level": 2}
