"""The examples of docs/gateway.md, run as they stand there but for addresses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support import PATIENCE, ROOT, free_port, until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start

TEXT = (ROOT / "docs/gateway.md").read_text("utf-8")
EXAMPLES = {
    heading: code
    for heading, section in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for code in re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
}
WAYS = {
    "Redis": ("redis:RedisMaster", "6379"),
    "RabbitMQ": ("amqp:AmqpMaster", "5672"),
    "Celery": ("celery_redis:CeleryRedisMaster", "6379"),
    "RQ": ("rq:RqMaster", "6379"),
    "HTTP": ("", "8080"),
    "Kafka": ("kafka:KafkaMaster", "9092"),
    "gRPC": ("", "50051"),
    "ZeroMQ": ("zeromq:ZeroMqMaster", "5570"),
}
SCHEMES = {"HTTP": "http", "gRPC": "grpc"}


def test_every_way_has_an_example() -> None:
    assert set(EXAMPLES) == set(WAYS)
    table = TEXT.partition("## Which way")[2].partition("\n\nOf all")[0]
    assert set(re.findall(r"^\| (\w+) \| `", table, re.MULTILINE)) - {"way"} == set(WAYS)


@pytest.mark.parametrize("way", WAYS)
def test_an_example_runs(way: str, gateway: Start, site: Server, tmp_path: Path) -> None:
    kind, usual = WAYS[way]
    master = None
    url = "" if kind else f"{SCHEMES[way]}://127.0.0.1:{free_port()}"
    if kind:
        module, _, name = kind.partition(":")
        master = getattr(import_module(f"tests.gateway.masters.{module}"), name)(tmp_path)
        url = master.url
    try:
        port = urlsplit(url).port
        running = gateway(url)
        until(lambda: "Serving" in running.output)
        code = EXAMPLES[way].replace("https://example.org/", site.url).replace(usual, str(port))
        code = code.replace("5572", url.rpartition("results=")[2].partition("&")[0])
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        assert site.site.document_url(0) in done.stdout
        running.stop()
    finally:
        if master:
            master.close()


def test_the_readmes_example_runs(gateway: Start, site: Server, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    port = free_port()
    running = gateway(f"http://127.0.0.1:{port}")
    code = code.replace("https://example.org/", site.url).replace("8080", str(port))
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert site.site.document_url(0) in done.stdout
    assert "finished" in done.stdout
    assert list(tmp_path.glob("*.pdf"))
    running.stop()
