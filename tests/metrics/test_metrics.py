"""Metrics are documented, tell the truth, and say nothing of URLs."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import ConnectionError as RedisConnectionError

import pdfspider
from bench.processes import free_port
from pdfspider.exceptions import ConfigurationError
from pdfspider.frontier.leases import Lease, LeaseKind
from pdfspider.frontier.reports.fleet import Fleet
from pdfspider.items import Outcome
from pdfspider.metrics.exposition import add_process, expose
from pdfspider.metrics.fleet import FleetCollector
from pdfspider.metrics.server import MetricsServer, Probes
from pdfspider.metrics.worker import WorkerMetrics, WorkerNumbers
from pdfspider.web.listener import ServerLimits
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pdfspider.metrics.exposition import Exposition

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/metrics.md").read_text("utf-8")
FLEET = Fleet(
    ended={outcome.value: 1 for outcome in Outcome},
    retried={outcome.value: 0 for outcome in Outcome},
    stored=5,
    expired=0,
    urls={"queued": 1, "delayed": 2, "leased": 3},
    jobs={"running": 1},
    hosts_waiting=1,
    hosts_failing=0,
    workers=1,
    workers_wanted=2,
    oldest_ready=0.5,
    memory=0.1,
    messages={("http", "received"): 4},
    pending_results={"http": 1},
)


def of_fleet(accept: str = "") -> Exposition:
    registry = CollectorRegistry()
    registry.register(FleetCollector(FLEET))
    add_process(registry)
    return expose(registry, accept)


def worker_metrics(directory: Path) -> WorkerMetrics:
    stats = {"pdfspider/outcome/page": 3, "pdfspider/retry/timeout": 1, "pdfspider/bytes": 7, "finish_reason": "x"}
    return WorkerMetrics(lambda: WorkerNumbers(stats, 2, 9, 1, takes_documents=True), directory)


def samples(exposition: Exposition) -> dict[str, float]:
    """Values by name and labels."""
    return {
        sample.name + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.body.decode())
        for sample in family.samples
    }


def test_every_metric_is_documented_with_its_labels(tmp_path: Path) -> None:
    documented = {
        (name, *sorted(re.findall(r"\w+", labels)))
        for name, labels in re.findall(r"`(pdfspider_\w+)(?:\{([^}]*)\})?`", DOCUMENT)
    }
    exposed = set()
    for exposition in (of_fleet(), worker_metrics(tmp_path).expose()):
        for family in text_string_to_metric_families(exposition.body.decode()):
            for sample in family.samples:
                if sample.name.startswith("pdfspider_") and not sample.name.endswith("_created"):
                    name = re.sub("_(bucket|sum|count)$", "", sample.name)
                    exposed.add((name, *sorted(sample.labels.keys() - {"le"})))
    assert exposed == documented


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool: apt-get install prometheus")
def test_promtool_accepts_the_metrics(tmp_path: Path) -> None:
    for exposition in (of_fleet(), worker_metrics(tmp_path).expose()):
        done = subprocess.run(["promtool", "check", "metrics"], input=exposition.body, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


def test_openmetrics_has_no_name_twice(tmp_path: Path) -> None:
    for exposition in (
        of_fleet("application/openmetrics-text"),
        worker_metrics(tmp_path).expose("application/openmetrics-text"),
    ):
        assert exposition.content_type.startswith("application/openmetrics-text")
        names = re.findall(r"^# TYPE (\S+)", exposition.body.decode(), re.MULTILINE)
        assert len(names) == len(set(names))


def test_the_version_is_that_of_the_package() -> None:
    assert f'version = "{pdfspider.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert samples(of_fleet())[f"pdfspider_build_info,version={pdfspider.__version__}"] == 1


def test_the_phases_of_a_fetch_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = worker_metrics(tmp_path)
    monkeypatch.setattr("pdfspider.metrics.worker.time.monotonic", lambda: 110.0)
    lease = Lease("1-a", 1, LeaseKind.URL, 100.0, report=False, deliveries=0, expiries=0, entry=None, leased_at=99.5)
    assert metrics.note_response(lease) is None, "nothing was fetched"
    lease.started_at, lease.latency = 100.25, 2.0
    assert metrics.note_response(lease) == 110
    monkeypatch.setattr("pdfspider.metrics.worker.time.monotonic", lambda: 110.5)
    metrics.note_commit(110.0)
    metrics.note_lag(-0.001)
    found = samples(metrics.expose())
    assert found["pdfspider_gate_wait_seconds_sum"] == 0.75
    phases = [found[f"pdfspider_fetch_seconds_sum,phase={phase}"] for phase in ("first_byte", "body", "commit")]
    assert phases == [2, 7.75, 0.5]
    assert found["pdfspider_worker_urls_total,outcome=page"] == 3
    assert found["pdfspider_worker_retries_total,outcome=timeout"] == 1
    assert found["pdfspider_inspection_backlog"] == 1
    assert found["pdfspider_disk_size_bytes"] > found["pdfspider_disk_free_bytes"] > 0
    assert found["process_resident_memory_bytes"] > 0


async def test_probes_say_what_is_wrong() -> None:
    faults: list[str] = []

    async def metrics(accept: str) -> Exposition:
        if faults:
            raise RedisConnectionError("it is away")
        return of_fleet(accept)

    async def find() -> list[str]:
        return faults

    port = free_port()
    server = MetricsServer(("127.0.0.1", port), Probes(metrics, find))
    await server.open()
    try:
        with pytest.raises(ConfigurationError, match="METRICS_URL: cannot listen on"):
            await MetricsServer(("127.0.0.1", port), Probes(metrics, find)).open()
        async with ClientSession(f"http://127.0.0.1:{port}") as client:
            for path in ("/healthz", "/readyz", "/metrics"):
                async with client.get(path) as response:
                    assert response.status == 200
            faults.append("Redis cannot be used")
            async with client.get("/healthz") as response:
                assert response.status == 200, "the process lives"
            async with client.get("/readyz") as response:
                assert (response.status, (await response.json())["reasons"]) == (503, faults)
            async with client.get("/metrics") as response:
                assert (response.status, (await response.json())["reasons"]) == (503, ["Redis: it is away"])
    finally:
        await server.close()


async def test_who_only_connects_takes_no_files_from_the_crawl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are bounded, and one that sends half a request is ended."""

    async def find() -> list[str]:
        return []

    async def metrics(accept: str) -> Exposition:
        return of_fleet(accept)

    monkeypatch.setattr("pdfspider.metrics.server.LIMITS", ServerLimits(connections=5, per_address=0, timeout=0.5))
    port = free_port()
    server = MetricsServer(("127.0.0.1", port), Probes(metrics, find))
    await server.open()
    try:
        async with asyncio.timeout(PATIENCE):
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
            for _, writer in held:
                writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
            for reader, writer in held:
                with suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
    finally:
        await server.close()
