"""A real Prometheus scrapes a fleet; the alert rules and the dashboard fit what it finds."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from scrapy.settings import Settings

from bench.processes import free_port
from bench.server import serve
from bench.site import Site
from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.reports.fleet import Fleet
from pdfspider.frontier.reports.transports import RESULTS
from pdfspider.items import Outcome
from pdfspider.metrics.fleet import FleetCollector, fleet_metrics
from pdfspider.metrics.server import MetricsServer, Probes
from pdfspider.metrics.worker import WorkerMetrics, WorkerNumbers
from tests.support import ROOT, query, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Fleet as Workers

DEPLOY = ROOT / "deploy"
ALERTS = (DEPLOY / "prometheus/alerts.yml").read_text("utf-8")
DASHBOARD = json.loads((DEPLOY / "grafana/pdfspider.json").read_text("utf-8"))
CONFIGURATION = """
global: {{scrape_interval: 200ms, evaluation_interval: 200ms}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: pdfspider-fleet
    static_configs: [{{targets: ["127.0.0.1:{fleet}"]}}]
  - job_name: pdfspider-worker
    static_configs: [{{targets: {workers}}}]
"""
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="no Prometheus: apt-get install prometheus"
)


def expressions() -> list[str]:
    """What the dashboard asks, with Grafana's variables filled in."""
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return [expr.replace("$__rate_interval", "1m").replace("$__range", "1h") for expr in found]


@needs_prometheus
def test_the_rules_are_sound_and_each_alert_fires_by_its_cause() -> None:
    directory = DEPLOY / "prometheus"
    for words in (["check", "config", "--syntax-only", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *words], cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    tested = (directory / "alerts_test.yml").read_text("utf-8")
    for name in re.findall(r"alert: (\w+)", ALERTS):
        assert re.search(rf"alertname: {name}\n +exp_alerts:\n +- exp_labels", tested), f"{name} fires in no test"


def test_alerts_and_the_dashboard_name_only_metrics_that_there_are() -> None:
    documented = set(re.findall(r"`((?:pdfspider|process|python)_\w+)", (ROOT / "docs/metrics.md").read_text("utf-8")))
    for text in (ALERTS, *expressions()):
        for name in re.findall(r"(?:pdfspider|process)_\w+", text):
            assert name.removesuffix("_bucket") in documented, name


def test_the_alert_of_failures_has_the_classes_that_are_dead_letters() -> None:
    (classes,) = re.findall(r'outcome=~"([^"]+)"\}\[30m', ALERTS)
    assert sorted(classes.split("|")) == sorted(outcome.value for outcome in Outcome if outcome.dead)


def exposed(tmp_path: Path) -> dict[str, set[str]]:
    """The names of all samples that a fleet and a worker expose, with the names of their labels."""
    totals = {"ended": dict.fromkeys(Outcome, 1), "retried": {}, "stored": 1, "expired": 1}
    hosts = {"hosts_waiting": 1, "hosts_failing": 1, "workers": 1, "workers_wanted": 1}
    masters = {"messages": {("amqp", result): 1 for result in RESULTS}, "pending_results": {"amqp": 1}}
    fleet = Fleet(**totals, **hosts, **masters, urls={}, jobs={}, oldest_ready=0.0, memory=0.0)  # type: ignore[arg-type]
    numbers = WorkerNumbers({}, leases=0, received=0, inspection_backlog=0, takes_documents=True)
    registry = CollectorRegistry()
    registry.register(FleetCollector(fleet))
    text = generate_latest(registry) + WorkerMetrics(lambda: numbers, tmp_path).expose().body
    samples = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def test_the_alerts_are_tested_with_series_that_there_are(tmp_path: Path) -> None:
    real = exposed(tmp_path)
    tests = yaml.safe_load((DEPLOY / "prometheus/alerts_test.yml").read_text("utf-8"))["tests"]
    series = [one["series"] for test in tests for one in test["input_series"]]
    assert len(series) > 20
    for one in series:
        name, _, labels = one.partition("{")
        assert set(re.findall(r"(\w+)=", labels)) - {"instance"} == real[name], one


@contextmanager
def fleet_served(redis_url: str, directory: Path) -> Iterator[int]:
    """Serves the fleet's metrics as a gateway does, and gives the port."""
    known = Settings()
    known.setmodule(defaults)
    known.update({"DATA_DIR": directory, "REDIS_URL": redis_url})
    config, port, loop = Config.from_settings(known), free_port(), asyncio.new_event_loop()

    async def none() -> list[str]:
        return []

    async def run(stop: asyncio.Event) -> None:
        redis = connect(redis_url)
        server = MetricsServer(("127.0.0.1", port), Probes(partial(fleet_metrics, config, Frontier(redis)), none))
        await server.open()
        await stop.wait()
        await server.close()
        await redis.aclose()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(stop),))
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@contextmanager
def prometheus(configuration: str) -> Iterator[int]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        directory = Path(name)
        (directory / "prometheus.yml").write_text(configuration)
        options = [f"--config.file={directory / 'prometheus.yml'}", f"--storage.tsdb.path={directory / 'data'}"]
        options += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        process = subprocess.Popen(["prometheus", *options], stderr=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


def ask(port: int, expression: str) -> list[dict[str, Any]]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': expression})}") as response:
            answer = json.load(response)
    except URLError:
        return []
    assert answer["status"] == "success", expression
    return list(answer["data"]["result"])


def by_outcome(port: int, name: str) -> dict[str, int]:
    found = ask(port, f"sum by (outcome) ({name})")
    return {one["metric"]["outcome"]: int(float(one["value"][1])) for one in found if float(one["value"][1])}


@needs_prometheus
def test_a_real_prometheus_finds_what_the_database_has(fleet: Workers) -> None:
    ports = [free_port() for _ in range(3)]
    targets = [f"127.0.0.1:{port}" for port in ports]
    with (
        serve(Site(hosts=1, pages=6, documents=9)) as server,
        fleet_served(fleet.redis_url or "", fleet.data) as port,
        prometheus(
            CONFIGURATION.format(rules=DEPLOY / "prometheus/alerts.yml", fleet=port, workers=json.dumps(targets))
        ) as asked,
    ):
        for metrics in ports:
            fleet.start(METRICS_URL=f"http://127.0.0.1:{metrics}")
        until(lambda: [one["value"][1] for one in ask(asked, "pdfspider_workers")] == ["3"])
        fleet.push(server.url)
        until(lambda: fleet.status()["jobs"] and not (job := fleet.job())["queued"] + job["leased"] + job["delayed"])
        rows = query(fleet.data / "pdfs.db", "SELECT outcome, count(*) AS number FROM captures GROUP BY outcome")
        expected = {row["outcome"]: row["number"] for row in rows}
        assert expected["document"] >= 9
        until(lambda: by_outcome(asked, "pdfspider_urls_total") == expected)
        until(lambda: by_outcome(asked, "pdfspider_worker_urls_total") == expected)
        (size,) = query(fleet.data / "pdfs.db", "SELECT sum(size) AS bytes FROM documents")
        (stored,) = ask(asked, "pdfspider_stored_bytes_total")
        assert float(stored["value"][1]) == size["bytes"]
        (answers,) = ask(asked, 'sum(pdfspider_fetch_seconds_count{phase="commit"})')
        assert 0 < float(answers["value"][1]) <= sum(expected.values())
        for expression in expressions():
            ask(asked, expression)
