"""A RabbitMQ node of one's own: its ports on loopback, its data in a directory that goes with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pika

from bench.processes import free_port

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PATIENCE = 300
"""Seconds that only a broker takes which will never answer, on a machine that is very busy too."""


class NotInstalled(Exception):
    """There is no RabbitMQ server here."""


class RabbitMQ:
    """Erlang's name service is started here too, so that it ends with the node.

    A node ``beside`` another one uses its name service and its cookie, so that they may be a cluster.
    """

    def __init__(self, directory: Path, beside: RabbitMQ | None = None) -> None:
        epmd = shutil.which("epmd")
        if epmd is None or not SCRIPT.exists():
            raise NotInstalled("no RabbitMQ server: apt-get install rabbitmq-server")
        names = beside.environment["ERL_EPMD_PORT"] if beside else str(free_port())
        self.port = free_port()
        self.directory = directory
        (directory / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        (directory / "enabled_plugins").write_text("[].\n")
        self.environment: dict[str, str] = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": beside.environment["HOME"] if beside else str(directory),
            "ERL_EPMD_PORT": names,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"pdfspider-{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(directory),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +S 1",
        }
        self._names = None if beside else self._start_names(epmd)
        self._node: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def _start_names(self, epmd: str) -> subprocess.Popen[bytes]:
        command = [epmd, "-port", self.environment["ERL_EPMD_PORT"], "-address", "127.0.0.1"]
        return subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        with (self.directory / "output").open("ab") as output:
            self._node = subprocess.Popen(
                [SCRIPT],
                cwd=self.directory,  # where it writes its core dumps
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError("RabbitMQ does not answer")
            time.sleep(0.05)

    def kill(self) -> None:
        """As kill -9."""
        if self._node:
            with suppress(FileNotFoundError, ProcessLookupError):  # it has not come so far, or has ended
                os.kill(int((self.directory / "pid").read_text()), 9)
            self._node.kill()
            self._node.wait(PATIENCE)
            self._node = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> None:
        self.kill()
        if self._names:
            self._names.kill()
            self._names.wait(PATIENCE)

    def connect(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port))

    def _answers(self) -> bool:
        if self._node is None or self._node.poll() is not None:
            raise RuntimeError((self.directory / "output").read_text())
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
            probe.sendall(b"AMQP\0\0\x09\x01")
            return probe.recv(1) == b"\x01"
        return False
