"""A real Scrapyd: the project is deployed as a zipped egg, and its jobs run from that."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest

from bench.processes import free_port
from bench.server import serve
from bench.site import Site
from tests.deploy.project import ROOT, copy_project, package_files, packed_files
from tests.support import PATIENCE, Fleet, query, stored, until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(sys.executable).parent
SITE = Site(hosts=1, pages=10, documents=20)
QUICK = {"DOWNLOAD_DELAY": "0", "CONCURRENT_REQUESTS_PER_DOMAIN": "8"}


@dataclass(frozen=True)
class Scrapyd:
    directory: Path
    url: str

    def ask(self, service: str, /, **query: str) -> dict[str, Any]:
        return self._call(f"{service}.json?{urlencode(query)}")

    def tell(self, service: str, /, settings: dict[str, str] | None = None, **form: str) -> dict[str, Any]:
        pairs = [*form.items(), *(("setting", f"{name}={value}") for name, value in (settings or {}).items())]
        answer = self._call(f"{service}.json", urlencode(pairs).encode())
        assert answer["status"] == "ok", answer
        return answer

    def is_up(self) -> bool:
        with suppress(URLError):
            return bool(self.ask("daemonstatus"))
        return False

    def state(self, job: str) -> str:
        return str(self.ask("status", project="pdfspider", job=job)["currstate"])

    def log(self, job: str) -> str:
        return (self.directory / f"data/scrapyd/logs/pdfspider/pdfs/{job}.log").read_text()

    def _call(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        with build_opener(ProxyHandler({})).open(f"{self.url}{path}", body, timeout=PATIENCE) as response:
            return dict(json.load(response))


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SCRAPY"))}


@pytest.fixture(scope="module")
def scrapyd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrapyd]:
    """A server of its own with the project's scrapyd.conf, in a directory without the project."""
    directory = tmp_path_factory.mktemp("scrapyd")
    shutil.copy(ROOT / "scrapyd.conf", directory)
    port = free_port()
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(
            [PROGRAMS / "scrapyd"],
            cwd=directory,
            env={**clean_environment(), "SCRAPYD_HTTP_PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    server = Scrapyd(directory, f"http://127.0.0.1:{port}/")
    try:
        until(lambda: server.is_up() or process.poll() is not None)
        assert process.poll() is None, (directory / "output").read_text()
        yield server
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def deployed(scrapyd: Scrapyd, tmp_path_factory: pytest.TempPathFactory) -> Scrapyd:
    """The server with the project, whose egg is known by its DATA_DIR."""
    project = copy_project(tmp_path_factory.mktemp("deploy") / "project")
    configuration = project / "scrapy.cfg"
    configuration.write_text(configuration.read_text().replace("http://127.0.0.1:6800/", scrapyd.url))
    with (project / "pdfspider" / "settings.py").open("a") as settings:
        settings.write('DATA_DIR = "from-the-egg"\n')
    done = subprocess.run(
        [PROGRAMS / "scrapyd-deploy", "--version", "1"],
        cwd=project,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["status"] == "ok", done.stdout
    return scrapyd


def test_the_egg_holds_the_whole_package(deployed: Scrapyd) -> None:
    assert packed_files(deployed.directory / "data/scrapyd/eggs/pdfspider/1.egg") == package_files(ROOT)
    assert deployed.ask("listspiders", project="pdfspider")["spiders"] == ["pdfs"]


def test_a_job_runs_to_its_end_on_the_embedded_redis(deployed: Scrapyd) -> None:
    with serve(SITE) as server:
        deployed.tell("schedule", project="pdfspider", spider="pdfs", jobid="whole", urls=server.url, settings=QUICK)
        until(lambda: deployed.state("whole") == "finished")
        expected = set(server.site.expected().values())
    data = deployed.directory / "from-the-egg"
    assert stored(data / "files") == expected
    assert len(query(data / "pdfs.db", "SELECT url FROM captures")) == SITE.pages + SITE.documents
    for log in (deployed.log("whole"), (data / "redis" / "redis.log").read_text()):
        assert "Traceback" not in log


def test_cancelling_a_job_gives_its_leases_back(deployed: Scrapyd, fleet: Fleet) -> None:
    given = {"REDIS_URL": str(fleet.redis_url), "DATA_DIR": str(fleet.data), "FRONTIER_GRACE": "0.2"}
    with serve(SITE, latency=500) as server:
        deployed.tell("schedule", project="pdfspider", spider="pdfs", jobid="cut", urls=server.url, settings=given)
        until(lambda: deployed.state("cut") == "running" and fleet.status()["jobs"] and fleet.job()["done"])
        assert deployed.tell("cancel", project="pdfspider", job="cut")["prevstate"] == "running"
        until(lambda: deployed.state("cut") == "finished")
    job = fleet.job()
    assert (job["leased"], job["dead"]) == (0, 0)
    assert job["queued"] + job["delayed"] > 0
