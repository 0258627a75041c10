"""What ZeroMQ's masters may rely on besides, and what not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import zmq
import zmq.auth

from bench.processes import free_port
from pdfspider.submission.rejected import Rejected
from tests.support import PATIENCE, Fleet, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start

WAIT = 30_000


class Client:
    """Sockets to a gateway that listens on these ports."""

    def __init__(self) -> None:
        self.ports = {kind: free_port() for kind in ("requests", "push", "results")}
        self.context = zmq.Context()

    @property
    def url(self) -> str:
        return "zmq://127.0.0.1:{requests}?push={push}&results={results}".format(**self.ports)

    def socket(self, kind: int, port: str, **options: Any) -> zmq.Socket[bytes]:
        socket = self.context.socket(kind)
        for name, value in {"linger": 0, "rcvtimeo": WAIT, **options}.items():
            setattr(socket, name, value)
        socket.connect(f"tcp://127.0.0.1:{self.ports[port]}")
        return socket

    def ask(self, message: str | dict[str, Any], **options: Any) -> dict[str, Any]:
        with self.socket(zmq.REQ, "requests", **options) as socket:
            socket.send_string(message if isinstance(message, str) else json.dumps(message))
            return json.loads(socket.recv())


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.context.destroy(linger=0)


def test_requests_pushes_and_results(client: Client, gateway: Start, site: Server, served: Fleet) -> None:
    running = gateway(client.url, GATEWAY_MESSAGE_MAX_SIZE=5000)
    listening = client.socket(zmq.SUB, "results")
    listening.subscribe("pushed")
    receipt = client.ask({"url": site.url, "task_id": 7, "meta": {"a": 1}})
    question = {"request": "result", "id": receipt["result_id"]}
    until(lambda: "error" not in client.ask(question))
    result = client.ask(question)
    assert (result["task_id"], result["meta"], result["urls"]) == (7, {"a": 1}, [site.url])
    assert result["id"] == receipt["result_id"]
    assert client.ask({"request": "status", "job": receipt["job"]})["state"] == "finished"
    whole = client.ask({"request": "result", "job": receipt["job"]})
    assert whole["documents"] == result["documents"]

    again = client.ask({"url": site.url, "task_id": 7, "meta": {"a": 1}})
    assert again == {**receipt, "added": 0}

    with client.socket(zmq.PUSH, "push") as pushing, listening:
        pushing.send_string("not a URL")
        pushing.send_string(json.dumps({"url": site.site.document_url(1), "job": "pushed"}))
        topic, body = listening.recv_multipart()
        assert (topic, json.loads(body)["counts"]["documents"]) == (b"pushed", 1)
    with served.client() as redis:
        (rejected,) = [json.loads(letter) for letter in redis.lrange("pdf_tasks:rejected", 0, -1)]
        assert rejected["message"] == "not a URL"

    assert client.ask({"url": site.url, "job": "open", "seal": False})["added"] == 1
    assert client.ask({"request": "cancel", "job": "open"})["state"] in ("cancelling", "cancelled")
    for question, reason in {
        '{"request": "status", "job": "none"}': "no job",
        '{"request": "dance", "job": "pushed"}': "expected",
        '{"request": "result", "id": "x"}': "not a result id",
        '{"request": "result", "id": "1-0123456789abcdef"}': "no result",
        '{"request": ["status"], "job": 1}': "expected",
        f'{{"request": "documents", "job": "x", "after": "{"9" * 20}-{"0" * 16}"}}': "not a result id",
        "{": "",
    }.items():
        assert reason in client.ask(question)["error"]
    with pytest.raises(zmq.Again):
        client.ask("http://127.0.0.1/" + "x" * 5000, rcvtimeo=500)  # the connection is closed on it
    assert "documents" in client.ask({"request": "result", "job": "pushed"})
    running.stop()


def test_frames_beside_the_message_are_not_dropped_in_silence(
    client: Client, gateway: Start, site: Server, served: Fleet
) -> None:
    running = gateway(client.url)
    url = site.site.document_url(2).encode()
    with client.socket(zmq.DEALER, "requests") as dealer:
        for sent, envelope in (([url], []), ([b"", url], [b""]), ([b"via", b"", url], [b"via", b""])):
            dealer.send_multipart(sent)
            *back, answer = dealer.recv_multipart()
            assert back == envelope
            assert "result_id" in json.loads(answer)
        dealer.send_multipart([b"", url, url])
        back, answer = dealer.recv_multipart()
        assert (back, json.loads(answer)) == (b"", {"error": "a message of 2 frames: one is expected"})
    with client.socket(zmq.PUSH, "push") as pushing, served.client() as redis:
        pushing.send_multipart([b"", json.dumps({"url": site.site.document_url(4), "job": "delimited"}).encode()])
        pushing.send_multipart([b"first", b"second \xff"])
        until(lambda: "delimited" in served.status()["jobs"])
        letter = until(lambda: redis.lindex("pdf_tasks:rejected", 0))
        rejected = Rejected.load(letter)
        assert (rejected.message, rejected.metadata) == (b"second \xff", {"frames": [b"first", b"second \xff"]})
        assert rejected.reason == "a message of 2 frames: one is expected"
    running.stop()


def test_curve_lets_in_whom_it_knows(client: Client, gateway: Start, tmp_path: Path) -> None:
    known = tmp_path / "clients"
    known.mkdir()
    _, secret = zmq.auth.create_certificates(tmp_path, "gateway")
    server, _ = zmq.auth.load_certificate(secret)
    _, mine = zmq.auth.create_certificates(known, "master")
    running = gateway(f"{client.url}&secret={secret}&clients={known}")
    for keys, is_known in (zmq.auth.load_certificate(mine), True), (zmq.curve_keypair(), False):
        options = dict(zip(("curve_publickey", "curve_secretkey"), keys, strict=True), curve_serverkey=server)
        if is_known:
            assert "error" in client.ask("not a URL", **options)
        else:
            with pytest.raises(zmq.Again):
                client.ask("not a URL", rcvtimeo=500, **options)
    with pytest.raises(zmq.Again):
        client.ask("not a URL", rcvtimeo=500)
    running.stop()


def test_without_curve_only_loopback_is_listened_on(gateway: Start) -> None:
    refused = gateway("zmq://0.0.0.0")
    assert refused.process.wait(PATIENCE) == 1
    assert "CURVE" in refused.output
