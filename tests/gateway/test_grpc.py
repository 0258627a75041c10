"""What gRPC's masters may rely on besides."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from bench.processes import free_port
from pdfspider.gateway.transports.grpc import masters_pb2
from pdfspider.gateway.transports.grpc.masters_pb2 import Answer, Message, Question
from pdfspider.gateway.transports.grpc.masters_pb2_grpc import MastersStub
from pdfspider.gateway.transports.grpc.transport import GrpcTransport
from tests.gateway.inprocess import listening, service_on
from tests.support import PATIENCE, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start

TOKEN = (("authorization", "Bearer known to both"),)


def refusal(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def test_jobs_by_their_calls(gateway: Start, site: Server) -> None:
    address = f"127.0.0.1:{free_port()}"
    running = gateway(f"grpc://{address}", GATEWAY_TOKEN="known to both", GATEWAY_MESSAGE_MAX_SIZE=5000)
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(30)
        masters = MastersStub(channel)
        receipt = masters.Submit(Message(urls=[site.url], task_id="one"), metadata=TOKEN)
        assert receipt.added == 1
        question = Question(result_id=receipt.result_id, documents=True)
        *events, last = masters.Watch(question, metadata=TOKEN)
        statuses = [event for event in events if event.HasField("status")]
        told = {event.document.id: event.document.document for event in events if event.HasField("document")}
        assert statuses[-1] is events[-1]
        assert statuses[-1].status.state == "finished"
        assert (last.result.id, last.result.task_id) == (receipt.result_id, "one")
        assert len(last.result.documents) == statuses[-1].status.documents > 0
        assert sorted(told.values(), key=str) == sorted(last.result.documents, key=str)
        *_, whole = masters.Watch(Question(job=receipt.job), metadata=TOKEN)
        assert list(whole.result.documents) == list(last.result.documents)
        assert masters.GetResult(Question(job=receipt.job), metadata=TOKEN) == whole.result

        masters.Submit(Message(urls=[site.url], job="by-grpc", seal=False, due=True), metadata=TOKEN)
        assert masters.Status(Question(job="by-grpc"), metadata=TOKEN).state == "running"
        assert masters.Cancel(Question(job="by-grpc"), metadata=TOKEN).state in ("cancelling", "cancelled")

        none, wrong = Question(job="none"), Question(result_id="x")
        for call in masters.Status, masters.Cancel, masters.GetResult:
            assert refusal(lambda call=call: call(none, metadata=TOKEN))[0] is grpc.StatusCode.NOT_FOUND
            assert refusal(lambda call=call: call(wrong, metadata=TOKEN))[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert refusal(lambda: list(masters.Watch(none, metadata=TOKEN)))[0] is grpc.StatusCode.NOT_FOUND
        assert refusal(lambda: masters.Submit(Message(), metadata=TOKEN))[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert refusal(lambda: masters.Status(none))[0] is grpc.StatusCode.UNAUTHENTICATED
        assert refusal(lambda: list(masters.SubmitMany(iter([]))))[0] is grpc.StatusCode.UNAUTHENTICATED
        large = Message(urls=["http://127.0.0.1/" + "x" * 5000])
        assert refusal(lambda: masters.Submit(large, metadata=TOKEN))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED

        question = health_pb2.HealthCheckRequest(service="pdfspider.v1.Masters")
        answer = health_pb2_grpc.HealthStub(channel).Check(question)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        shown = ProtoReflectionDescriptorDatabase(channel)
        assert "pdfspider.v1.Masters" in shown.get_services()
        assert shown.FindFileContainingSymbol("pdfspider.v1.Masters").name == masters_pb2.DESCRIPTOR.name
    running.stop()


def test_tls(gateway: Start, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert", tmp_path / "key"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", cert]
    made += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", *made], check=True, capture_output=True, timeout=PATIENCE)
    port = free_port()
    running = gateway(f"grpcs://127.0.0.1:{port}?cert={cert}&key={key}")
    with grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(cert.read_bytes())) as channel:
        grpc.channel_ready_future(channel).result(30)
        call = MastersStub(channel).Status
        assert refusal(lambda: call(Question(job="none")))[0] is grpc.StatusCode.NOT_FOUND
    running.stop()


async def test_clients_may_ping_twice_as_often_as_every_fifteen_seconds(redis_url: str, tmp_path: Path) -> None:
    """Here all is 20 times as fast."""
    address = f"127.0.0.1:{free_port()}"
    pings = [("grpc.keepalive_time_ms", 500), ("grpc.http2.max_pings_without_data", 0)]
    async with (
        service_on(redis_url, tmp_path, GATEWAY_KEEP_ALIVE=0.75) as service,
        listening(GrpcTransport(f"grpc://{address}", service)),
        grpc.aio.insecure_channel(address, pings) as channel,
    ):
        masters = MastersStub(channel)
        await masters.Submit(Message(urls=["http://127.0.0.1:9/"], job="quiet", seal=False), wait_for_ready=True)
        watching = masters.Watch(Question(job="quiet"))
        assert (await watching.read()).status.state == "running"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading := asyncio.ensure_future(watching.read())), 4)
        await service.control("quiet", "pause")
        assert (await asyncio.wait_for(reading, PATIENCE)).status.state == "paused"


async def test_what_is_no_message_is_refused_and_its_neighbours_are_answered(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"127.0.0.1:{free_port()}"
    message, odd = Message(urls=["http://127.0.0.1:9/"]), Message(urls=["http://127.0.0.1:9/"])
    odd.meta["number"] = float("nan")
    bad = b"\x0a\x02\xff\xfe"
    async with (
        service_on(redis_url, tmp_path) as service,
        listening(GrpcTransport(f"grpc://{address}", service)),
        grpc.aio.insecure_channel(address) as channel,
    ):
        method = channel.stream_stream("/pdfspider.v1.Masters/SubmitMany", bytes, Answer.FromString)
        sent = [message.SerializeToString(), bad, odd.SerializeToString(), message.SerializeToString()]
        answers = {answer.number: answer.error async for answer in method(iter(sent), wait_for_ready=True)}
        assert {number for number, error in answers.items() if not error} == {0, 3}
        assert "UTF-8" in answers[1]
        assert "meta is not JSON" in answers[2]
        for name in "Submit", "Status", "GetResult", "Cancel":
            with pytest.raises(grpc.aio.AioRpcError, match="UTF-8") as refused:
                await channel.unary_unary(f"/pdfspider.v1.Masters/{name}", bytes)(bad)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.aio.AioRpcError, match="meta is not JSON"):
            await MastersStub(channel).Submit(odd)
    assert not [record for record in caplog.records if record.exc_info]


async def test_half_calls_are_ended(redis_url: str, tmp_path: Path) -> None:
    """One that says nothing, and one that stops within its headers."""
    port = free_port()
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    async with (
        service_on(redis_url, tmp_path, GATEWAY_CLIENT_TIMEOUT=0.1) as service,
        listening(GrpcTransport(f"grpc://127.0.0.1:{port}", service)),
        asyncio.timeout(PATIENCE),
    ):
        for half in b"", preface[:20], preface, preface + b"\0\0\x40\1\0\0\0\0\1":
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(half)
            await reader.read()
            writer.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("grpc://0.0.0.0:1", "GATEWAY_TOKEN"),
        ("grpcs://127.0.0.1:{taken}?cert=/nowhere", "cert"),
        ("grpc://127.0.0.1:{taken}", "cannot listen"),
    ],
)
def test_what_cannot_be_listened_on(gateway: Start, url: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = gateway(url.format(taken=taken.getsockname()[1]))
        assert refused.process.wait(PATIENCE) == 1
        assert reason in refused.output
        assert "Serving" not in refused.output


def test_the_generated_code_is_that_of_the_proto_file(tmp_path: Path) -> None:
    name, made = "pdfspider/gateway/transports/grpc/masters.proto", tmp_path / "made"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", ".", f"--descriptor_set_out={made}", name]
    subprocess.run(command, cwd=ROOT, check=True, timeout=PATIENCE)
    (expected,) = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()).file
    found = descriptor_pb2.FileDescriptorProto.FromString(masters_pb2.DESCRIPTOR.serialized_pb)
    for file in expected, found:
        for message in file.message_type:
            for field in chain(message.field, *(entry.field for entry in message.nested_type)):
                field.ClearField("json_name")
    assert found == expected
