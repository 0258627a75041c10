"""A RabbitMQ cluster of three nodes with quorum queues, each node of which is killed once."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pika
import pytest
from pika.exceptions import AMQPError

from tests.gateway.conformance.suite import by_id, task
from tests.gateway.rabbitmq import RabbitMQ
from tests.support import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.server import Server
    from tests.gateway.conftest import Start
    from tests.support import Fleet

pytestmark = pytest.mark.slow

EACH = 100
QUEUES = ("pdf_tasks", "pdf_results", "pdf_rejects")


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RabbitMQ]]:
    """Three nodes of one cluster."""
    made: list[RabbitMQ] = []
    try:
        for _ in range(3):
            made.append(RabbitMQ(tmp_path_factory.mktemp("node"), *made[:1]))
        for node in made[1:]:
            node.join(made[0])
        yield made
    finally:
        for node in reversed(made):
            node.stop()


def submit(node: RabbitMQ, *messages: str) -> None:
    """Hand in messages, from the first unconfirmed one again where the queue has lost its leader."""
    left = list(messages)

    def publish() -> bool:
        with suppress(AMQPError), node.connect() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            while left:
                channel.basic_publish("", "pdf_tasks", left[0].encode(), pika.BasicProperties(delivery_mode=2))
                del left[0]
        return not left

    until(publish)


def read(node: RabbitMQ, queue: str) -> list[dict[str, Any]]:
    """Take what waits in a queue, up to where it loses its leader."""
    found = []
    with suppress(AMQPError), node.connect() as connection:
        channel = connection.channel()
        while (got := channel.basic_get(queue))[0]:
            found.append(json.loads(got[2]))
            channel.basic_ack(got[0].delivery_tag)
    return found


def is_whole(node: RabbitMQ) -> bool:
    """Whether all three nodes run, and every queue has all its members online."""
    online = "length(proplists:get_value(online, rabbit_quorum_queue:info(Queue, [online])))"
    return node.evaluate(f"[{online} || Queue <- rabbit_amqqueue:list()]") == "[3,3,3]"


@pytest.mark.timeout(0)
def test_each_node_is_killed_once(nodes: list[RabbitMQ], gateway: Start, site: Server, served: Fleet) -> None:
    first, *others = nodes
    hosts = "%2C".join(f"127.0.0.1:{node.port}" for node in others)
    declared = "&".join(f"declare_{name}=quorum" for name in ("tasks", "results", "rejects"))
    running = gateway(f"{first.url}?hosts={hosts}&{declared}")
    until(lambda: is_whole(first))
    urls = site.site.document_urls()
    names = [str(number) for number in range(EACH * 2 * len(nodes))]
    left, found = iter(names), defaultdict(list)

    def hand_in(node: RabbitMQ) -> None:
        given = [next(left) for _ in range(EACH)]
        submit(node, *(task(urls[int(name) % len(urls)], name) for name in given))

    def has_results(node: RabbitMQ) -> bool:
        found["pdf_results"].extend(read(node, "pdf_results"))
        return bool(found["pdf_results"])

    for number, node in enumerate(nodes):  # the first is the one that the gateway is connected to
        beside = nodes[number - 1]
        hand_in(beside)
        node.kill()
        until(partial(has_results, beside))
        hand_in(beside)
        submit(beside, "not a URL")
        node.start()
        until(partial(is_whole, node))

    def all_there() -> bool:
        for queue in ("pdf_results", "pdf_rejects"):
            found[queue] += read(first, queue)
        return {one["task_id"] for one in found["pdf_results"]} >= set(names) and bool(found["pdf_rejects"])

    until(all_there)
    assert sorted(one["task_id"] for one in by_id(found["pdf_results"])) == sorted(names)
    assert {one["message"] for one in found["pdf_rejects"]} == {"not a URL"}
    assert len(found["pdf_rejects"]) >= len(nodes)
    running.stop()
    served.audit()
