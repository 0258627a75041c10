from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.gateway.masters.kafka import KafkaBrokerMaster
from tests.servers.kafka import broker
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Coroutine


class AioKafkaMaster(KafkaBrokerMaster):
    """aiokafka, in a thread of its own, on a real broker."""

    def submit(self, *messages: str) -> None:
        self._do(self._send(messages))

    def close(self) -> None:
        self._do(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        self.server.kill()

    def _connect(self) -> None:
        self.server = broker(self.directory)
        self.broker, self.session = self.server.address, self.server.session
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._do(self._begin())

    async def _begin(self) -> None:
        self._sending = AIOKafkaProducer(bootstrap_servers=self.broker, acks="all", enable_idempotence=True)
        await self._sending.start()
        for topic in self.topics.values():
            await self._sending.partitions_for(topic)  # it is made by that
        topics = [self.topics[kind] for kind in ("results", "rejects", "events")]
        group = f"{self.group}_masters"
        self._reading = AIOKafkaConsumer(
            *topics, bootstrap_servers=self.broker, group_id=group, auto_offset_reset="earliest"
        )
        await self._reading.start()

    async def _disconnect(self) -> None:
        await self._sending.stop()
        await self._reading.stop()

    async def _send(self, messages: tuple[str, ...]) -> None:
        topic = self.topics["tasks"]
        sent = [await self._sending.send(topic, message.encode()) for message in messages]
        await asyncio.gather(*sent)

    def _consume(self, kind: str) -> list[dict[str, Any]]:
        for record in self._do(self._poll()):
            self._keep(record.topic, record.key, record.value, dict(record.headers))
        return list(self._read[self.topics[kind]])

    async def _poll(self) -> list[Any]:
        found = await self._reading.getmany(timeout_ms=50)
        return [record for records in found.values() for record in records]

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
