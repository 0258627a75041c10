from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import json_format

from bench.processes import free_port
from pdfspider.gateway.transports.grpc.masters_pb2 import Message, Question
from pdfspider.gateway.transports.grpc.masters_pb2_grpc import MastersStub
from tests.gateway.masters.base import AskingMaster
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdfspider.gateway.transports.grpc.masters_pb2 import Result

TOKEN = "known to both"
CREDENTIALS = (("authorization", f"Bearer {TOKEN}"),)
ASKED = 20


class GrpcMaster(AskingMaster):
    """grpcio: one stream of messages, begun again where it breaks off, and a question for each result.

    The gateway holds nothing for a master that was not answered: it sends the message again, with its ``task_id``.
    What is not a Message cannot be sent at all.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.settings = {"GATEWAY_TOKEN": TOKEN}
        self._ports = [free_port()]
        self._connect()
        self._open: list[str] = []
        self._results: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"grpc://127.0.0.1:{self._ports[0]}"

    def urls(self, gateways: int) -> list[str]:
        self._channel.close()
        self._ports = [free_port() for _ in range(gateways)]
        self._connect()
        return [f"grpc://127.0.0.1:{port}" for port in self._ports]

    def results(self) -> list[dict[str, Any]]:
        for identity in self._open[:ASKED]:
            try:
                result = self.stub.GetResult(Question(result_id=identity), metadata=CREDENTIALS, timeout=PATIENCE)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.NOT_FOUND:
                    continue
                break
            self._open.remove(identity)
            self._results.append(_dict(result))
        return list(self._results)

    def close(self) -> None:
        super().close()
        self._channel.close()

    def _connect(self) -> None:
        addresses = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        self._channel = grpc.insecure_channel(
            f"ipv4:{addresses}", [("grpc.max_reconnect_backoff_ms", 200), ("grpc.enable_http_proxy", 0)]
        )
        self.stub = MastersStub(self._channel)

    def _submit(self, *messages: str) -> None:
        open_ones = {message: parsed for message in messages if (parsed := self._parse(message))}
        while open_ones and not self._closed.is_set():
            sent = list(open_ones)
            try:
                for answer in self.stub.SubmitMany(_each(open_ones.copy()), metadata=CREDENTIALS):
                    message = sent[answer.number]
                    del open_ones[message]
                    if answer.HasField("receipt"):
                        self._open.append(answer.receipt.result_id)
                    else:
                        self._rejected(message, answer.error)
            except grpc.RpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                    raise
                self._closed.wait(0.1)

    def _parse(self, message: str) -> Message | None:
        """A message of the suite; its ``url`` is the only one of ``urls`` here."""
        fields = json.loads(message) if message.startswith("{") else {"url": message}
        try:
            return json_format.ParseDict({"urls": [fields.pop("url")], **fields}, Message())
        except json_format.ParseError as error:
            self._rejected(message, str(error))
            return None


def _each(messages: dict[str, Message]) -> Iterator[Message]:
    yield from messages.values()


def _dict(result: Result) -> dict[str, Any]:
    """As JSON; numbers of 64 bits are text there."""
    body = json_format.MessageToDict(
        result, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    for document in body["documents"]:
        document["size"] = int(document["size"])
    return {"task_id": None, **body}
