"""pyzmq: requests of a DEALER, all under way at once, and a ROUTER that answers each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import zmq

from bench.processes import free_port
from bench.ways.base import Way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.ways.base import Tell


class ZeroMqWay(Way):
    waits_for_gateway = True

    def gateway_url(self, address: str) -> str:
        return f"zmq://{address}?push={free_port()}&results={free_port()}"

    def publish(self, address: str, messages: Sequence[str]) -> None:
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.sndhwm = socket.rcvhwm = 0
            socket.connect(f"tcp://{address}")
            for message in messages:
                socket.send_multipart([b"", message.encode()])
            for _ in messages:
                assert b"error" not in socket.recv_multipart()[-1]

    def consume(self, address: str, count: int, tell: Tell) -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
            socket.sndhwm = socket.rcvhwm = 0
            socket.bind(f"tcp://{address}")
            tell("READY")
            for _ in range(count):
                master, _, message = socket.recv_multipart()
                socket.send_multipart([master, b"", json.dumps({"job": json.loads(message)["task_id"]}).encode()])
            tell("DONE")
