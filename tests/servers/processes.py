"""Redis as people run it: a process on a port of its own."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis

from bench.processes import free_port
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.certificates import Certificates


def tls_config(certificates: Certificates, *, of_clients: bool = False) -> str:
    """The configuration of a Redis with TLS only, which may want certificates of its clients too."""
    files = {"cert-file": certificates.server, "key-file": certificates.server_key, "ca-cert-file": certificates.ca}
    lines = [f"tls-{name} {file}" for name, file in files.items()]
    return "\n".join(["port 0", "tls-port PORT", f"tls-auth-clients {'yes' if of_clients else 'no'}", *lines])


class RedisProcess:
    """A redis-server, or with ``sentinel`` a Sentinel, on a loopback port."""

    binary = ""
    """The system's, if empty."""

    def __init__(self, directory: Path, config: str = "", *, sentinel: bool = False, **client: Any) -> None:
        self.port, self.sentinel, self.client_options = free_port(), sentinel, client
        self.directory = directory
        directory.mkdir(exist_ok=True)
        listening = "" if "tls-port" in config else f"port {self.port}\n"
        config = config.replace("PORT", str(self.port))
        (directory / "redis.conf").write_text(
            f'{listening}bind 127.0.0.1\ndir {directory}\nsave ""\n{"" if sentinel else "appendonly yes"}\n{config}\n'
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def client(self) -> redis.Redis:
        options = {"host": "127.0.0.1", "port": self.port, "socket_timeout": PATIENCE, "retry": None}
        return redis.Redis(**{**options, **self.client_options})

    def start(self) -> None:
        binary = self.binary or shutil.which("redis-server")
        if binary is None:
            pytest.skip("no redis-server: apt-get install redis-server")
        with (self.directory / "log").open("ab") as log:
            command = [binary, str(self.directory / "redis.conf"), *(["--sentinel"] if self.sentinel else [])]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, (self.directory / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        """As kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def call(self, *words: Any) -> Any:
        with self.client() as client:
            return client.execute_command(*words)

    def _answers(self) -> bool:
        try:
            return bool(self.call("PING"))
        except (redis.RedisError, OSError):
            return False
