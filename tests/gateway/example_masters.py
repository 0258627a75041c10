"""Runs the masters of examples/ as they stand, but for addresses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from bench.processes import free_port
from tests.support import PATIENCE, ROOT, until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start

EXAMPLES = ROOT / "examples"


class Way(NamedTuple):
    """``kind`` is the master of the tests that has the broker; empty where the gateway itself listens."""

    file: str
    kind: str
    port: str
    """The usual one, as the file has it."""
    scheme: str = ""
    broker: str = ""
    """Instead of the one that the file has."""

    @property
    def code(self) -> str:
        code = (EXAMPLES / self.file).read_text("utf-8")
        return re.sub(r'broker="[^"]+"', f'broker="{self.broker}"', code) if self.broker else code


WAYS = {
    "Redis": Way("redis_master.py", "redis:RedisMaster", "6379"),
    "RabbitMQ": Way("rabbitmq_master.py", "amqp:AmqpMaster", "5672"),
    "Celery": Way("celery_master.py", "celery_redis:CeleryRedisMaster", "6379"),
    "Celery by RabbitMQ": Way("celery_master.py", "celery:CeleryMaster", "5672", broker="amqp://127.0.0.1:5672"),
    "RQ": Way("rq_master.py", "rq:RqMaster", "6379"),
    "HTTP": Way("http_master.py", "", "8080", "http"),
    "Kafka": Way("kafka_master.py", "kafka:KafkaMaster", "9092"),
    "gRPC": Way("grpc_master.py", "", "50051", "grpc"),
    "ZeroMQ": Way("zeromq_master.py", "zeromq:ZeroMqMaster", "5570"),
}


def run_example(way: Way, start: Start, site: Server, directory: Path, python: Path | str = sys.executable) -> None:
    """Run a gateway and the master, with this interpreter; the site's PDFs have been printed."""
    master: Any = None
    if way.kind:
        module, _, name = way.kind.partition(":")
        master = getattr(import_module(f"tests.gateway.masters.{module}"), name)(directory)
    try:
        url = master.url if master else f"{way.scheme}://127.0.0.1:{free_port()}"
        running = start(url)
        until(lambda: "Serving" in running.output)
        script = directory / way.file
        script.write_text(with_ports(way.code, way.port, url))
        assert site.site.document_url(0) in run_script(script, site.url, python=python)
        running.stop()
    finally:
        if master:
            master.close()


def with_ports(code: str, usual: str, url: str) -> str:
    """Return the code with the ports of one of GATEWAY_URLS for the usual ones."""
    address = urlsplit(url)
    ports, options = {usual: address.port}, dict(parse_qsl(address.query))
    if backend := options.get("backend"):
        ports["6379"] = urlsplit(backend).port
    if address.scheme == "zmq":
        ports["5572"] = int(options["results"])
    return re.sub("|".join(ports), lambda found: str(ports[found[0]]), code)


def run_script(script: Path, *arguments: str, python: Path | str = sys.executable) -> str:
    """Return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, script, *arguments], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
