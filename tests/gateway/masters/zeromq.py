from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import zmq

from bench.processes import free_port
from tests.gateway.masters.base import AskingMaster

if TYPE_CHECKING:
    from pathlib import Path

WAIT = 3_000
"""Milliseconds after which a request is made again: neither side knows what became of the first one."""

SILENCE = "no answer"


class Ports(NamedTuple):
    """Where a gateway listens."""

    requests: int
    push: int
    results: int

    @property
    def url(self) -> str:
        return f"zmq://127.0.0.1:{self.requests}?push={self.push}&results={self.results}&events=yes"


class ZeroMqMaster(AskingMaster):
    """pyzmq: requests on one DEALER, a subscription, and requests for the results that were missed.

    The gateway holds nothing for who is not there: a request that was not answered is made again, and what was
    published while nobody listened is asked for: results by their ids, documents by their jobs.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._ports: list[Ports] = []
        self._context = zmq.Context()
        self._subscription = self._context.socket(zmq.SUB)
        self._subscription.subscribe("")
        self._results: dict[str, dict[str, Any]] = {}
        self._events: list[dict[str, Any]] = []
        self._missing: list[str] = []
        self.urls(1)

    @property
    def url(self) -> str:
        return self._ports[0].url

    def urls(self, gateways: int) -> list[str]:
        self._ports = [Ports(free_port(), free_port(), free_port()) for _ in range(gateways)]
        for ports in self._ports:
            self._subscription.connect(f"tcp://127.0.0.1:{ports.results}")
        return [ports.url for ports in self._ports]

    def results(self) -> list[dict[str, Any]]:
        self._listen()
        for identity in [identity for identity in self._missing if identity not in self._results][:20]:
            answer = self.ask({"request": "result", "id": identity})
            if answer.get("error") == SILENCE:
                break
            if "error" not in answer:
                self._results[identity] = answer
        return list(self._results.values())

    def events(self) -> list[dict[str, Any]]:
        self._listen()
        heard = Counter(event["job"] for event in {event["id"]: event for event in self._events}.values())
        for result in self._results.values():
            if heard[result["job"]] < len(result["documents"]):  # some were told before this listened
                self._events += self.ask({"request": "documents", "job": result["job"]}).get("documents", [])
        return list(self._events)

    def close(self) -> None:
        super().close()
        self._context.destroy(linger=0)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """On a REQ, as most do it; an error where nobody answers."""
        with self._context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.connect(f"tcp://127.0.0.1:{random.choice(self._ports).requests}")
            socket.send(json.dumps(request).encode())
            return json.loads(socket.recv()) if socket.poll(WAIT) else {"error": SILENCE}

    def _listen(self) -> None:
        while self._subscription.poll(0):
            topic, body = self._subscription.recv_multipart()
            told = json.loads(body)
            if topic.decode() == told["job"]:
                self._results[told["id"]] = told
            else:
                assert topic.decode() == f"{told['job']} document"
                self._events.append(told)

    def _submit(self, *messages: str) -> None:
        """All at once, told apart by a frame of their own."""
        open_ones = dict(enumerate(messages))
        while open_ones and not self._closed.is_set():
            with self._context.socket(zmq.DEALER) as socket:
                socket.linger = 0
                socket.connect(f"tcp://127.0.0.1:{random.choice(self._ports).requests}")
                for number, message in open_ones.items():
                    socket.send_multipart([b"%d" % number, b"", message.encode()])
                while open_ones and socket.poll(WAIT):
                    number, _, answer = socket.recv_multipart()
                    if not (said := json.loads(answer)).get("again"):
                        self._answered(open_ones.pop(int(number)), said)

    def _answered(self, message: str, answer: dict[str, Any]) -> None:
        if "error" in answer:
            self._rejected(message, answer["error"])
        else:
            self._missing.append(answer["result_id"])
