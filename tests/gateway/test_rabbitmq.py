"""What RabbitMQ's masters may rely on besides."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import aclosing, closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from bench.processes import free_port
from pdfspider.gateway.base import Result, TransportError
from pdfspider.gateway.registry import make_transports
from pdfspider.gateway.transports.rabbitmq import transport as rabbitmq_transport
from pdfspider.gateway.transports.rabbitmq.rejects import refusal
from tests.certificates import make_certificates
from tests.faults.proxy import Proxy
from tests.gateway.serving import all_of, eventually, in_thread, serving
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.server import Server
    from pdfspider.gateway.base import Transport
    from pdfspider.gateway.service import GatewayService
    from tests.gateway.conftest import Gateway, Start
    from tests.gateway.rabbitmq import RabbitMQ
    from tests.support import Fleet

SCRIPT = Path(__file__).with_name("pika_master.py")


@pytest.fixture
def connection(broker: RabbitMQ) -> Iterator[pika.BlockingConnection]:
    with broker.connect() as connection:
        channel = connection.channel()
        for queue in ("pdf_tasks", "pdf_results", "pdf_rejects"):
            channel.queue_delete(queue)
        yield connection


def run_master(broker: RabbitMQ, *urls: str) -> None:
    subprocess.run([sys.executable, SCRIPT, str(broker.port), *urls], check=True, timeout=PATIENCE)


def take(connection: pika.BlockingConnection, queue: str) -> tuple[pika.BasicProperties, dict[str, Any]]:
    """The next message of a queue, which may not be there yet."""

    def get() -> Any:
        channel = connection.channel()
        try:
            found = channel.basic_get(queue, auto_ack=True)
        except ChannelClosedByBroker:
            return None
        channel.close()
        return found if found[0] else None

    _, properties, body = until(get)
    return properties, json.loads(body)


@pytest.mark.parametrize("first", ["master", "gateway"])
def test_a_master_that_exists_already_runs_unchanged(
    broker: RabbitMQ, connection: pika.BlockingConnection, gateway: Start, site: Server, first: str
) -> None:
    urls = [site.site.document_url(n) for n in (0, 1)]
    if first == "master":
        run_master(broker, *urls)
        running = gateway(broker.url)
    else:
        running = gateway(broker.url)
        until(lambda: "there is no queue pdf_tasks" in running.output)
        run_master(broker, *urls)
    found = {take(connection, "pdf_results")[1]["documents"][0]["url"] for _ in urls}
    assert found == set(urls)
    run_master(broker, urls[0])  # its declaration still fits
    assert take(connection, "pdf_results")[1]["documents"][0]["url"] == urls[0]
    running.stop()


def test_results_go_where_the_master_waits_or_else_to_the_queue(
    broker: RabbitMQ, connection: pika.BlockingConnection, gateway: Start, site: Server
) -> None:
    running = gateway(f"{broker.url}?declare_tasks=durable&rejects=bad")
    channel = connection.channel()
    until(lambda: "Serving" in running.output)
    channel.queue_declare("pdf_tasks", durable=True)
    answers = channel.queue_declare("", exclusive=True).method.queue
    url = site.site.document_url(2)
    for reply_to, name in ((answers, "waits"), ("gone", "does not")):
        properties = pika.BasicProperties(reply_to=reply_to, correlation_id=name, message_id=name)
        for _ in range(2):  # the second changes nothing
            channel.basic_publish("", "pdf_tasks", url.encode(), properties)
    channel.basic_publish("", "pdf_tasks", b"\xff")
    ids = set()
    for queue, name in ((answers, "waits"), ("pdf_results", "does not")):
        properties, result = take(connection, queue)
        assert properties.correlation_id == name
        assert properties.message_id == result["id"]
        assert properties.delivery_mode == 2
        assert result["documents"][0]["url"] == url
        ids.add(result["id"])
    assert len(ids) == 2
    newer = channel.queue_declare("", exclusive=True).method.queue
    part = {"url": url, "job": "resent", "task_id": 1}
    for message, address in (({**part, "seal": False}, answers), ({"seal": True, **part}, newer)):
        properties = pika.BasicProperties(reply_to=address, message_id=address)
        channel.basic_publish("", "pdf_tasks", json.dumps(message).encode(), properties)
    assert take(connection, newer)[1]["task_id"] == 1
    assert channel.queue_declare(answers, passive=True).method.message_count == 0
    properties, letter = take(connection, "bad")
    assert properties.headers["reason"] == letter["reason"]
    assert "UTF-8" in letter["reason"]
    running.stop()


def test_what_is_too_large_for_the_broker_is_cut(
    broker: RabbitMQ, connection: pika.BlockingConnection, gateway: Start, site: Server
) -> None:
    """The broker closes the channel at it; what comes later is published all the same."""
    connection.channel().queue_declare("pdf_tasks", durable=True)
    broker.set("max_message_size", "2000")
    try:
        running = gateway(broker.url)
        for message in (
            json.dumps({"url": site.url, "depth": 3, "scope": "any"}),
            "x" * 1990,
            site.site.document_url(0),
        ):
            connection.channel().basic_publish("", "pdf_tasks", message.encode())
        large, small = sorted(
            (take(connection, "pdf_results")[1] for _ in range(2)), key=lambda result: -len(str(result))
        )
        assert large["truncated"]
        assert 0 < len(large["documents"]) < large["counts"]["documents"] == 9
        assert not small["truncated"]
        assert len(small["documents"]) == 1
        assert take(connection, "pdf_rejects")[1]["message"] == "x" * 200
        until(lambda: running.output.count("Results that are too large are shortened for amqp (") == 1)
        assert "cannot be published" not in running.output
        running.stop()
    finally:
        broker.set("max_message_size", "134217728")


async def test_what_is_set_aside_keeps_its_properties_and_its_master_is_told(
    broker: RabbitMQ, connection: pika.BlockingConnection, service: GatewayService
) -> None:
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare("pdf_tasks", durable=True)
    answers = channel.queue_declare("", exclusive=True).method.queue
    headers = {"trace": "1", "bytes": "ä", "nested": {"at": [1, True]}, "when": datetime(2026, 1, 2, tzinfo=UTC)}
    known = {"reply_to": answers, "correlation_id": "mine", "message_id": "m", "headers": headers, "priority": 3}
    sent = pika.BasicProperties(delivery_mode=2, content_type="a/b", expiration="600000", **known)
    channel.basic_publish("", "pdf_tasks", b"\xff\x00 no sense", sent)
    async with serving(broker.url, service) as transport:
        properties, told = await in_thread(lambda: take(connection, answers))
        assert (properties.correlation_id, told["state"]) == ("mine", "rejected")
        assert "UTF-8" in told["reason"]
        (kept,) = await eventually(lambda: all_of(transport))
    assert kept.rejected.message == b"\xff\x00 no sense"
    assert kept.rejected.metadata["routing_key"] == "pdf_tasks"
    async with aclosing(transport.rejects()) as messages:
        async for one in messages:
            await one.send_again()
    assert await all_of(transport) == []
    _, again, body = channel.basic_get("pdf_tasks", auto_ack=True)
    assert body == b"\xff\x00 no sense"
    assert {name: getattr(again, name) for name in known} == known
    assert (again.content_type, again.delivery_mode) == ("a/b", 2)


async def _has_offset(service: GatewayService, offset: int) -> bool:
    redis: Any = service.frontier.redis
    return bool(await redis.zscore("{pdfs}:offsets", "amqp:pdf_stream") == offset)


async def test_a_stream_is_taken_from_where_it_was_left(
    broker: RabbitMQ, make_service: Callable[[], GatewayService]
) -> None:
    with broker.connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("pdf_stream", durable=True, arguments={"x-queue-type": "stream"})
        for part in (1, 2):  # what was published before the first gateway, and while none ran
            for body in (f"http://example.org/{part}/1", f"http://example.org/{part}/2", "no sense"):
                channel.basic_publish("", "pdf_stream", body.encode())
            service = make_service()
            async with serving(f"{broker.url}?tasks=pdf_stream", service):
                await eventually(partial(_has_offset, service, 3 * part))
            assert service.health("amqp").received == 3
        assert len([job async for job in service.frontier.jobs()]) == 4


def result_of(job: str) -> Result:
    return Result(id=f"1-{job}", job=job, reply={}, body=json.dumps({"id": f"1-{job}"}).encode())


async def is_serving(transport: Transport) -> bool:
    return transport.health.state == "up"


async def test_a_result_that_an_alarm_has_held_up_may_come_again_with_the_same_id(
    broker: RabbitMQ, connection: pika.BlockingConnection, service: GatewayService, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.channel().queue_declare("pdf_tasks", durable=True)
    async with serving(broker.url, service) as transport:
        await eventually(lambda: is_serving(transport))
        with broker.memory_alarm(), monkeypatch.context() as patch:
            patch.setattr(rabbitmq_transport, "TIMEOUT_S", 0.5)
            for _ in range(2):
                with pytest.raises(TransportError):
                    await transport.publish(result_of("held"))
        await transport.publish(result_of("held"))
    found = broker.read("pdf_results")
    assert 1 <= len(found) <= 3
    assert {result["id"] for result in found} == {"1-held"}


@pytest.mark.parametrize("first", ["master", "gateway"])
async def test_a_master_may_declare_the_results_in_its_own_way(
    broker: RabbitMQ, connection: pika.BlockingConnection, service: GatewayService, first: str
) -> None:
    """Before the gateway does, or where that leaves it to the master."""
    channel = connection.channel()
    channel.queue_declare("pdf_tasks", durable=True)
    own = {"durable": True, "arguments": {"x-max-length": 1000}}
    if first == "master":
        channel.queue_declare("pdf_results", **own)
    async with serving(broker.url if first == "master" else f"{broker.url}?declare_results=no", service) as transport:
        await eventually(lambda: is_serving(transport))
        if first == "gateway":
            with pytest.raises(TransportError):
                await transport.publish(result_of("early"))
            channel.queue_declare("pdf_results", **own)
        await transport.publish(result_of("late"))
    channel.queue_declare("pdf_results", **own)
    assert [json.loads(channel.basic_get("pdf_results", auto_ack=True)[2])["id"]] == ["1-late"]
    with pytest.raises(ChannelClosedByBroker, match="inequivalent arg"):
        channel.queue_declare("pdf_results", durable=True)


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


def test_no_failure_of_it_ends_the_gateway(broker: RabbitMQ, gateway: Start, site: Server, served: Fleet) -> None:
    """RabbitMQ is lost, or refuses, in every phase: the gateway and its other transports go on."""
    urls = site.site.document_urls()
    with broker.connect() as connection:
        for queue in ("pdf_tasks", "pdf_results", "pdf_rejects"):
            connection.channel().queue_delete(queue)
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


def test_rights_that_are_missing_are_named_and_waited_for(
    broker: RabbitMQ, connection: pika.BlockingConnection, gateway: Start, site: Server, served: Fleet
) -> None:
    """Each kind of access is refused until it is granted; the gateway and its other transports go on."""
    urls = site.site.document_urls()
    channel = connection.channel()
    channel.queue_declare("pdf_tasks", durable=True)
    for body in (urls[0], "no sense"):
        channel.basic_publish("", "pdf_tasks", body.encode())
    broker.control("add_user", "limited", "word")
    running = gateway(f"redis:,{broker.url.replace('guest:guest', 'limited:word')}")
    until(lambda: is_down(served, "the virtual host is not there, or this user has no access to it"))
    broker.permit("limited")
    until(lambda: is_down(served, "access to queue 'pdf_results' in vhost '/' refused"))
    broker.permit("limited", configure=".*")
    until(lambda: is_down(served, "access to queue 'pdf_tasks' in vhost '/' refused"))
    check_others(running, served, urls[1])
    broker.permit("limited", configure=".*", read=".*")
    for what in ("Results cannot be published by amqp", "Rejects of amqp cannot be set aside"):
        until(lambda what=what: what in running.output)
    assert "access to exchange 'amq.default' in vhost '/' refused" in running.output
    check_others(running, served, urls[2])
    broker.permit("limited", configure=".*", read=".*", write=".*")
    assert take(connection, "pdf_results")[1]["documents"][0]["url"] == urls[0]
    assert "URL" in take(connection, "pdf_rejects")[1]["reason"]
    running.stop()


@pytest.mark.parametrize("way", ["", "celery+"])
async def test_tls_with_certificates_of_both_sides(
    service: GatewayService, broker: RabbitMQ, tmp_path: Path, way: str
) -> None:
    made = make_certificates(tmp_path)
    files = f"cafile={made.ca}&certfile={made.client}&keyfile={made.client_key}"
    queues = "tasks=by_tls&rejects=by_tls_rejects&declare_tasks=durable"
    url = f"amqps://guest:guest@127.0.0.1:{broker.listen_with_tls(made)}/?{files}"
    async with serving(f"{way}{url}&{queues}", service):
        await eventually(lambda: in_thread(lambda: has_queue(broker, "by_tls")))
        with broker.connect() as connection:
            connection.channel().basic_publish("", "by_tls", b"not a URL")
        (reject,) = await eventually(lambda: in_thread(lambda: broker.read("by_tls_rejects")))
        assert reject["message"] == "not a URL"


def has_queue(broker: RabbitMQ, name: str) -> bool:
    with broker.connect() as connection:
        try:
            connection.channel().queue_declare(name, passive=True)
        except ChannelClosedByBroker:
            return False
    return True


@pytest.mark.parametrize("way", ["", "celery+"])
async def test_users_passwords_and_virtual_hosts_have_any_characters(
    service: GatewayService, broker: RabbitMQ, way: str
) -> None:
    """By IPv6, too."""
    user, password, host, port = f"m@ster:{way}", "p@ss/w:rd#%?&=+ ä", f"/prod {way}/ü", free_port()
    broker.control("add_vhost", host)
    broker.control("add_user", user, password)
    broker.control("set_permissions", "-p", host, user, ".*", ".*", ".*")
    broker.evaluate(f'rabbit_networking:start_tcp_listener({{"::1", {port}}}, 2)')
    named, address = f"{quote(user, safe='')}:{quote(password, safe='')}", f"[::1]:{port}/{quote(host, safe='')}"
    async with serving(f"{way}amqp://{named}@{address}?declare_tasks=durable", service) as transport:
        await eventually(lambda: in_thread(lambda: transport.health.state == "up"))
        assert password not in transport.address.shown
        credentials = pika.PlainCredentials(user, password)
        given = pika.ConnectionParameters("::1", port, host, credentials)
        rejects = transport.address.options["rejects"]
        with pika.BlockingConnection(given) as connection:
            channel = connection.channel()
            channel.basic_publish("", transport.address.options["tasks"], b"not a URL")
            await eventually(lambda: in_thread(lambda: channel.basic_get(rejects)[0]))


ODD_PROPERTIES = [
    *({name: b"caf\xe9"} for name in ("message_id", "correlation_id", "reply_to", "type", "app_id", "content_type")),
    {"message_id": "x" * 255},
    {"timestamp": 1 << 63},
    {"timestamp": 1_790_000_000_000},
    {"headers": {b"caf\xe9": 1}},
    {"headers": {"bytes": b"caf\xe9", "none": None, "inside": {"list": [1, None, {"y": b"\xff"}]}, "large": 1 << 60}},
    {"headers": {"at": datetime(9999, 12, 31, tzinfo=UTC)}},
    {"priority": 255, "expiration": "3600000", "content_encoding": "gzip"},
]


async def test_no_properties_harm_another_message(service: GatewayService, broker: RabbitMQ) -> None:
    url = f"{broker.url}?tasks=odd_tasks&rejects=odd_rejects&declare_tasks=durable"
    async with serving(url, service) as transport:
        await eventually(lambda: in_thread(lambda: transport.health.state == "up"))
        with broker.connect() as connection:
            channel = connection.channel()
            for number, properties in enumerate(ODD_PROPERTIES):
                body, given = f"not a URL {number}".encode(), pika.BasicProperties(**properties)
                channel.basic_publish("", "odd_tasks", body, given)
        found: list[dict[str, Any]] = []

        def are_there() -> bool:
            found.extend(broker.read("odd_rejects"))
            return len({one["message"] for one in found}) == len(ODD_PROPERTIES)

        await eventually(lambda: in_thread(are_there))
        properties = {one["message"]: one["metadata"]["properties"] for one in found}
        assert properties["not a URL 0"]["message_id"] == {"$base64": "Y2Fm6Q=="}
        assert properties["not a URL 6"]["message_id"] == "x" * 255
        assert transport.health.state == "up"


@pytest.mark.parametrize("correlation", [b"caf\xe9", b"\xe9" * 255])
async def test_a_master_gets_back_the_bytes_of_its_correlation_id(
    service: GatewayService, broker: RabbitMQ, correlation: bytes
) -> None:
    async with serving(
        f"{broker.url}?tasks=ids{len(correlation)}&declare_tasks=durable&rejects=odd_ids{len(correlation)}", service
    ) as transport:
        await eventually(lambda: is_serving(transport))
        with broker.connect() as connection:
            channel = connection.channel()
            queue = channel.queue_declare("", exclusive=True).method.queue
            given = pika.BasicProperties(correlation_id=correlation, reply_to=queue, message_id=correlation)
            channel.basic_publish("", f"ids{len(correlation)}", b"nonsense", given)
            await eventually(lambda: all_of(transport))
            assert channel.basic_get(queue, auto_ack=True)[1].correlation_id == correlation
            reply = {"reply_to": queue, "correlation_id": correlation.decode(errors="surrogateescape")}
            await transport.publish(replace(result_of("odd"), reply=reply))
            assert channel.basic_get(queue, auto_ack=True)[1].correlation_id == correlation
        async with aclosing(transport.rejects()) as messages:
            async for kept in messages:
                assert kept.rejected.metadata["properties"]["correlation_id"] == correlation
                await kept.send_again()


async def test_a_reply_queue_that_takes_no_more_keeps_no_reject_waiting(
    service: GatewayService, broker: RabbitMQ, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(f"{broker.url}?tasks=refused&declare_tasks=durable&rejects=kept", service) as transport:
        await eventually(lambda: is_serving(transport))
        with broker.connect() as connection:
            channel = connection.channel()
            channel.queue_declare("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
            for queue in "full", "refused":
                channel.basic_publish("", queue, b"not a URL", pika.BasicProperties(reply_to="full"))
            (kept,) = await eventually(lambda: all_of(transport))
    assert kept.rejected.metadata["properties"] == {"reply_to": "full"}
    assert [record.levelname for record in caplog.records if "set aside" in record.getMessage()] == []


@pytest.mark.parametrize("task_id", [b'"\\ud800"', b"NaN", b"1" * 5000, b'["a"]'])
def test_every_refusal_can_be_sent_and_is_json_in_every_language(task_id: bytes) -> None:
    refused = refusal(b'{"task_id": ' + task_id + b"}", "because")
    assert json.loads(refused, parse_constant=pytest.fail)["reason"] == "because"


async def test_a_broker_that_ends_the_connection_in_the_handshake(service: GatewayService) -> None:
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.close()

    async with await asyncio.start_server(end, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        (transport,) = make_transports([f"amqp://127.0.0.1:{port}/"], service)
        with pytest.raises(TransportError):
            await transport.serve()
        await transport.close()
