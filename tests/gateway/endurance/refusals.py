"""What can be done to a way so that it refuses, without its gateway."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import zmq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def broker_killed(master: Any) -> Iterator[None]:
    """Connections are refused."""
    server = master.broker
    server.kill()
    yield
    server.start()


@contextmanager
def kafka_killed(master: Any) -> Iterator[None]:
    """Connections are refused."""
    master.server.kill()
    yield
    master.server.start()


@contextmanager
def broker_hangs(master: Any) -> Iterator[None]:
    """Connections are accepted by the system, and nothing is ever answered."""
    os.kill(master.broker.pid, signal.SIGSTOP)
    yield
    os.kill(master.broker.pid, signal.SIGCONT)


@contextmanager
def password_wanted(master: Any) -> Iterator[None]:
    """Connections are told that they lack a password."""
    with master.broker.client() as client:
        client.config_set("requirepass", "unknown")
        client.client_kill_filter(_type="normal", skipme=True)
        yield
        client.config_set("requirepass", "")


@contextmanager
def crowd_and_no_webhook(master: Any) -> Iterator[None]:
    """Strangers hold every connection, and the webhook is away."""
    with master.webhook_away(), crowd(master.url):
        yield


@contextmanager
def crowded(master: Any) -> Iterator[None]:
    """Strangers hold every connection."""
    with crowd(master.url):
        yield


@contextmanager
def crowd(url: str) -> Iterator[None]:
    """Hold as many connections as are let in, and come again when they are closed."""
    port = int(url.rpartition(":")[2].partition("?")[0])
    held: list[socket.socket] = []

    def come() -> None:
        while len(held) > 600:
            held.pop(0).close()
        for _ in range(20):
            with suppress(OSError):
                held.append(socket.create_connection(("127.0.0.1", port), timeout=1))

    with again_and_again(come, 0.2):
        yield
    for one in held:
        one.close()


@contextmanager
def flooded(master: Any) -> Iterator[None]:
    """Somebody sends what is too large, at which the gateway ends the connection."""
    with ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        sender = stack.enter_context(context.socket(zmq.DEALER))
        sender.linger = 0
        sender.sndhwm = 2
        sender.connect(master.url.partition("?")[0].replace("zmq:", "tcp:"))

        def send() -> None:
            with suppress(zmq.Again):
                sender.send_multipart([b"", bytes(2 << 20)], zmq.NOBLOCK)

        stack.enter_context(again_and_again(send, 0.2))
        yield


@contextmanager
def again_and_again(work: Callable[[], None], pause: float) -> Iterator[None]:
    """Work in a thread until the block ends."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(pause):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    ended.set()
    thread.join()


REFUSALS: dict[str, Any] = {
    "amqp": broker_killed,
    "celery-redis": password_wanted,
    "rq": broker_hangs,
    "http": crowd_and_no_webhook,
    "kafka": kafka_killed,
    "grpc": crowded,
    "zmq": flooded,
}
"""For each of seven ways; the eighth is the one that must not notice."""
