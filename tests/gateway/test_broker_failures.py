"""RabbitMQ is lost, or refuses, in every phase: the gateway and its other transports go on."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pika

from tests.faults.proxy import Proxy
from tests.support import free_port, until

if TYPE_CHECKING:
    from bench.server import Server
    from tests.gateway.conftest import Gateway, Start
    from tests.gateway.rabbitmq import RabbitMQ
    from tests.support import Fleet


def states(fleet: Fleet) -> dict[str, dict[str, Any]]:
    with fleet.client() as client:
        return {(known := json.loads(raw))["transport"]: known for raw in client.hvals("{pdfs}:transports")}


def is_down(fleet: Fleet, reason: str = "") -> bool:
    amqp = states(fleet).get("amqp", {})
    return amqp.get("state") == "down" and reason in amqp["error"]


def is_up(fleet: Fleet) -> bool:
    return states(fleet).get("amqp", {}).get("state") == "up"


def named(broker: RabbitMQ) -> set[str]:
    return {result["task_id"] for result in broker.read("pdf_results")}


def check_others(running: Gateway, fleet: Fleet, url: str) -> None:
    """Redis's masters are served meanwhile."""
    with fleet.client() as client:
        before = client.xlen("pdfs:results")
        client.lpush("pdf_tasks", url)
        until(lambda: client.xlen("pdfs:results") > before)
    assert running.process.poll() is None


def test_no_failure_ends_the_gateway(broker: RabbitMQ, gateway: Start, site: Server, served: Fleet) -> None:
    urls = site.site.document_urls()
    proxy = Proxy(free_port())
    with closing(proxy):
        running = gateway(f"redis:,amqp://guest:guest@127.0.0.1:{proxy.port}/")
        until(lambda: is_down(served))  # before the first connection
        check_others(running, served, urls[0])
        with broker.connect() as owner:
            owner.channel().queue_declare("pdf_rejects", exclusive=True)
            proxy.target = broker.port
            until(lambda: is_down(served, "ChannelLockedResource"))  # the broker refuses
        until(lambda: is_down(served, "there is no queue pdf_tasks"))
        proxy.reset()  # while a queue is awaited
        until(lambda: is_down(served, "there is no queue pdf_tasks"))
        broker.kill()
        check_others(running, served, urls[1])
        broker.start()
        with broker.connect() as connection:
            channel = connection.channel()
            channel.queue_declare("pdf_tasks", durable=True)
            until(lambda: is_up(served))
            names = {f"{number}" for number in range(40)}
            for name in sorted(names):
                body = json.dumps({"url": urls[int(name) % len(urls)], "task_id": name})
                channel.basic_publish("", "pdf_tasks", body.encode(), pika.BasicProperties(delivery_mode=2))
        found: set[str] = set()
        for least in (1, 20, len(names)):  # while messages are taken, acknowledged and answered
            until(lambda least=least: found.update(named(broker)) or len(found) >= least)
            proxy.reset()
        assert found == names
        until(lambda: is_up(served))
        with broker.connect() as connection:
            connection.channel().queue_delete("pdf_tasks")  # the consumer is cancelled
        until(lambda: is_down(served, "there is no queue pdf_tasks"))
        check_others(running, served, urls[2])
        assert states(served)["amqp"]["received"] >= len(names)
        running.stop()
        assert states(served) == {}
