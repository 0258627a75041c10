"""The commands of docs/deployment.md do what the page says, as far as a machine without containers can tell."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from bench.processes import redis_binary
from bench.server import serve
from bench.site import Site
from tests.support import PATIENCE, ROOT, Fleet, free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (ROOT / "docs/deployment.md").read_text("utf-8")


def commands(name: str) -> str:
    """The commands of a block, as a script."""
    (block,) = re.findall(rf"<!-- run: {name} -->\n```console\n(.*?)```", PAGE, re.DOTALL)
    return "\n".join(line.removeprefix("$ ") for line in block.splitlines())


def run(name: str, directory: Path, **environment: str) -> str:
    path = f"{environment.pop('FIRST', directory)}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = ["bash", "-euo", "pipefail", "-c", commands(name)]
    known = {**os.environ, "PATH": path, **environment}
    done = subprocess.run(shell, cwd=directory, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_secrets_are_those_that_the_compose_file_wants(tmp_path: Path) -> None:
    run("secrets", tmp_path)
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    wanted = set(re.findall(r"file: secrets/(\w+)", (ROOT / "deploy/compose.yaml").read_text("utf-8")))
    assert made == wanted
    password = (tmp_path / "secrets/redis_password").read_text().strip()
    assert len(password) == 48
    assert (tmp_path / "secrets/redis_url").read_text() == f"redis://:{password}@redis:6379/0\n"
    assert json.loads((tmp_path / "secrets/s3_identities").read_text())["identities"][0]["name"] == "pdfspider"
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_one_machine_has_a_fleet_after_the_commands_of_the_page(tmp_path: Path) -> None:
    gateway, dashboard = free_port(), free_port()
    with serve(Site(hosts=1, pages=4, documents=6)) as site:
        script = commands("one machine").replace("https://example.org/ ", f"{site.url} ").replace("8080", f"{gateway}")
        program = tmp_path / "bin/pdfspider"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pdfspider.cli "$@"\n')
        program.chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PDFSPIDER_DASHBOARD_URL": f"http://127.0.0.1:{dashboard}",
            "PDFSPIDER_DOWNLOAD_DELAY": "0",
        }
        started = subprocess.Popen(
            ["bash", "-euc", f"{script}\nwait"], cwd=tmp_path, env=environment, start_new_session=True
        )
        try:
            page = f"http://127.0.0.1:{dashboard}/jobs/example"
            until(lambda: ">finished<" in _get(page))
            until(lambda: "ok" in _get(f"http://127.0.0.1:{gateway}/healthz"))
            assert len([*(tmp_path / "crawl/files").glob("*/*/*.pdf")]) == 6
        finally:
            os.killpg(started.pid, signal.SIGTERM)
            started.wait(PATIENCE)


def _get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_every_file_that_the_page_names_is_there() -> None:
    for name in re.findall(r"[ `](deploy/[\w./-]+\w)", PAGE.replace("exec deploy/", "")):
        assert (ROOT / name).exists(), name


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Redis that the test may stop, and its directory."""
    directory, port = tmp_path / "redis", free_port()
    directory.mkdir()
    url = f"redis://127.0.0.1:{port}"
    options = ["--dir", str(directory), "--port", str(port), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", ""]
    subprocess.run([redis_binary(), *options, "--daemonize", "yes"], check=True, stdout=subprocess.DEVNULL)
    with redis.Redis.from_url(url) as client:
        until(lambda: _answers(client))
    yield url, directory
    _stop(url)


def _stop(url: str) -> None:
    """Stop the server, if there is one, and wait until its process has ended."""
    with redis.Redis.from_url(url) as client:
        if _answers(client):
            process = Path(f"/proc/{client.info('server')['process_id']}")
            client.shutdown(nosave=True)
            until(lambda: not process.exists())


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pg_dump"), reason="no pg_dump: apt-get install postgresql")
def test_a_fleet_is_backed_up_while_it_works_and_restored(
    server: tuple[str, Path], postgresql: str, tmp_path: Path
) -> None:
    url, directory = server
    database = f"{postgresql}"
    fleet = Fleet(tmp_path, url, {"DATABASE_URL": database})
    store = tmp_path / "data/files"
    first = tmp_path / "bin"
    first.mkdir()
    (first / "redis-server").symlink_to(redis_binary())  # others may be too old for its snapshots
    names = {
        "FIRST": str(first),
        "BACKUP": str(tmp_path / "backup"),
        "REDIS_URL": url,
        "DATABASE_URL": database,
        "FILES_STORE": str(store),
        "REDIS_DIR": str(directory),
        "REDIS_PORT": url.rpartition(":")[2],
    }
    with serve(Site(hosts=1, pages=20, documents=60)) as site:
        worker = fleet.start(site.url, arguments={"job": "j"}, DOWNLOAD_DELAY=0.02, CONCURRENT_REQUESTS_PER_DOMAIN=1)
        until(lambda: len(fleet.files()) >= 10)
        run("backup", ROOT, **names)
        worker.finish()
        everything = fleet.files()
        _stop(url)
        shutil.rmtree(directory)
        directory.mkdir()
        shutil.rmtree(store)
        store.mkdir()
        run("restore", ROOT, **names)
        status = fleet.job()
        assert status["queued"] + status["leased"] + status["delayed"] > 0, "it is as it was in the middle"
        fleet.crawl(arguments={"job": "j"})
        assert fleet.files() == everything
        assert fleet.job()["state"] == "finished"
