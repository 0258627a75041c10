"""A RabbitMQ node of the tests' own, where there is a server."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bench import rabbitmq
from bench.processes import free_port
from bench.rabbitmq import SCRIPT
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.certificates import Certificates


class RabbitMQ(rabbitmq.RabbitMQ):
    def __init__(self, directory: Path, beside: RabbitMQ | None = None) -> None:
        try:
            super().__init__(directory, beside)
        except rabbitmq.NotInstalled as error:
            pytest.skip(str(error))

    def join(self, other: RabbitMQ) -> None:
        """Become a node of another one's cluster."""
        self.control("stop_app")
        self.control("join_cluster", other.environment["RABBITMQ_NODENAME"])
        self.control("start_app")

    def set(self, name: str, value: str) -> None:
        """A setting of the server's, for channels that are opened from now on."""
        self.control("eval", f"application:set_env(rabbit, {name}, {value}).")

    def listen_with_tls(self, certificates: Certificates) -> int:
        """Listen on one more port, where clients need a certificate, and give it."""
        port = free_port()
        files = {"cacertfile": certificates.ca, "certfile": certificates.server, "keyfile": certificates.server_key}
        options = ",".join(f'{{{name},"{file}"}}' for name, file in files.items())
        wanted = "{verify,verify_peer},{fail_if_no_peer_cert,true}"
        listener = f'{{"127.0.0.1",{port}}}'
        self.control("eval", "{ok, _} = application:ensure_all_started(ssl).")
        self.control("eval", f"rabbit_networking:start_ssl_listener({listener}, [{options},{wanted}], 2).")
        return port

    def permit(self, user: str, *, configure: str = "", write: str = "", read: str = "") -> None:
        """Grant a user access to what these patterns match, and to nothing else."""
        self.control("set_permissions", user, configure, write, read)

    @contextmanager
    def memory_alarm(self) -> Iterator[None]:
        """Have the server take nothing from who publishes, as where its memory is used up."""
        alarm = "{resource_limit, memory, node()}"
        self.control("eval", f"rabbit_alarm:set_alarm({{{alarm}, []}}).")
        try:
            yield
        finally:
            self.control("eval", f"rabbit_alarm:clear_alarm({alarm}).")

    def evaluate(self, expression: str) -> str:
        """The value of an Erlang expression, as text."""
        return self.control("eval", f"{expression}.").strip()

    def control(self, *words: str) -> str:
        """Run rabbitmqctl, and give what it printed."""
        command = [SCRIPT.with_name("rabbitmqctl"), "--quiet", *words]
        done = subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout

    def read(self, queue: str) -> list[dict[str, Any]]:
        """Takes all that waits in a durable queue."""
        found = []
        with self.connect() as connection:
            channel = connection.channel()
            channel.queue_declare(queue, durable=True)
            while (got := channel.basic_get(queue))[0]:
                found.append(json.loads(got[2]))
                channel.basic_ack(got[0].delivery_tag)
        return found
