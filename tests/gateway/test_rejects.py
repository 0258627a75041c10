"""What is set aside can be had back, byte for byte, with all that came beside it."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from pdfspider.exceptions import InvalidInput
from pdfspider.submission.rejected import Rejected
from tests.gateway.masters.kafka import KafkaMaster
from tests.gateway.serving import all_of, equals, eventually, in_thread, serving
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from pdfspider.gateway.service import GatewayService

BINARY = b"\x1f\x8b\x08\x00\xff\xfe gzip, perhaps"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.binary() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)  # whatever else the machine does
@given(st.binary(), st.text(), st.dictionaries(st.text(max_size=5), VALUES, max_size=3), st.booleans())
def test_what_was_set_aside_is_read_as_it_was(message: bytes, reason: str, metadata: dict[str, Any], cut: bool) -> None:
    rejected = Rejected(message=message, reason=reason, metadata=metadata, cut=cut)
    found = Rejected.load(rejected.dump())
    assert (found.message, found.metadata, found.cut) == (message, metadata, cut)


def test_times_are_kept_and_what_others_wrote_is_refused() -> None:
    metadata = {"timestamp": datetime(2026, 1, 2, tzinfo=UTC), "price": Decimal("1.20")}
    assert Rejected.load(Rejected(message=b"", reason="", metadata=metadata).dump()).metadata == metadata
    older = b'{"message": "no sense", "reason": "why", "time": 1.5}'
    assert Rejected.load(older) == Rejected(message=b"no sense", reason="why", time=1.5)
    for raw in (b"", b"[]", b"{}", b"no sense", b'{"message": 1, "reason": "", "time": 1}', b"\xff"):
        with pytest.raises(InvalidInput):
            Rejected.load(raw)


async def test_redis_keeps_bytes_and_fields(service: GatewayService) -> None:
    redis: Any = service.frontier.redis
    await redis.lpush("pdf_tasks", BINARY, "not a URL")
    await redis.xadd("pdf_tasks:stream", {"body": BINARY, b"\xff": "x"})
    await redis.xadd("pdf_tasks:stream", {"message": "nor this", "trace": "1"})
    async with serving("redis:", service) as transport:
        await eventually(lambda: equals(redis.llen("pdf_tasks:rejected"), 4))
    found = {one.rejected.message: one for one in await all_of(transport)}
    assert found.keys() == {BINARY, b"not a URL", b"", b"nor this"}
    assert "without the field message" in found[b""].rejected.reason
    async with aclosing(transport.rejects()) as messages:
        async for one in messages:
            await one.send_again()
    assert await all_of(transport) == []
    entries = [fields for _, fields in await redis.xrange("pdf_tasks:stream")]
    assert {b"body": BINARY, b"\xff": b"x"} in entries
    assert {b"message": b"nor this", b"trace": b"1"} in entries
    assert {b"message": BINARY} in entries
    assert len(entries) == 4


async def test_kafka_keeps_keys_headers_and_what_is_null(service: GatewayService, tmp_path: Path) -> None:
    """And commits what has no value, so that the group's lag goes."""
    master = KafkaMaster(tmp_path)
    producer, topic = Producer({"bootstrap.servers": master.broker}), master.topics["tasks"]
    for value in (BINARY, b"", None):
        producer.produce(topic, value, key=b"\xffkey", headers=[("trace", b"\xfe"), ("trace", b"2")])
    producer.flush(60)
    async with serving(master.url, service) as transport:
        await eventually(lambda: in_thread(lambda: len(master.rejects()) == 3))
        found = await all_of(transport)
        group = Consumer({"bootstrap.servers": master.broker, "group.id": master.group})
        partitions = [TopicPartition(topic, number) for number in group.list_topics(topic).topics[topic].partitions]
        await eventually(
            lambda: in_thread(
                lambda: sum(max(place.offset, 0) for place in group.committed(partitions, timeout=PATIENCE)) == 3
            )
        )
        group.close()
    assert sorted(one.rejected.message for one in found) == [b"", b"", BINARY]
    assert {one.rejected.reason for one in found if one.rejected.metadata["null"]} == {
        "the message has no value (null)"
    }
    for one in found:
        assert one.rejected.metadata["key"] == b"\xffkey"
        assert one.rejected.metadata["headers"] == [["trace", b"\xfe"], ["trace", b"2"]]
    async with aclosing(transport.rejects()) as messages:
        async for one in messages:
            await one.send_again()
    assert await all_of(transport) == []
    sent = _read(master.broker, topic)[3:]
    assert sorted(sent, key=str) == sorted([BINARY, b"", None], key=str)
    master.close()


def _read(broker: str, topic: str) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "anyone", "enable.partition.eof": True})
    consumer.assign(
        [TopicPartition(topic, number, 0) for number in consumer.list_topics(topic).topics[topic].partitions]
    )
    open_ones, found = len(consumer.assignment()), []
    while open_ones:
        message = consumer.poll(60)
        assert message is not None
        if message.error():
            open_ones -= 1
        else:
            found.append((message.timestamp()[1], message.value()))
    consumer.close()
    return [value for _, value in sorted(found, key=lambda one: one[0])]
