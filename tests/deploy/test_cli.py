"""The installed command ``pdfspider``, in a directory that knows nothing of the project."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from bench.server import serve
from bench.site import Site
from pdfspider import cli
from tests.deploy.project import build_wheel, copy_project
from tests.support import PATIENCE, stored

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that holds the package as a wheel installs it."""
    directory = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(build_wheel(copy_project(directory / "project"), directory)) as wheel:
        wheel.extractall(directory / "site-packages")
    return directory / "site-packages"


def run(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``pdfspider`` as its console script does."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SCRAPY_")}
    start = "import sys; sys.argv[0] = 'pdfspider'; from pdfspider.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", start, *words],
        cwd=cwd,
        env={**ours, "PYTHONPATH": str(installed)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_it_crawls_anywhere(installed: Path, tmp_path: Path) -> None:
    with serve(Site(hosts=1, pages=3, documents=4)) as server:
        gentle = ("-s", "DOWNLOAD_DELAY=0", "-s", "PDF_INSPECT=False")
        done = run(installed, tmp_path, "crawl", server.url, "-a", "scope=any", *gentle)
        assert done.returncode == 0, done.stderr
        assert stored(tmp_path / "data" / "files") == set(server.site.expected().values())
    assert "pdfspider export captures.csv" in done.stderr
    status = run(installed, tmp_path, "status")
    assert (status.returncode, "finished" in status.stdout) == (0, True), status.stderr


def test_it_says_what_there_is(installed: Path, tmp_path: Path) -> None:
    listed = run(installed, tmp_path)
    assert listed.returncode == 0, listed.stderr
    for name in cli.names():
        assert f"\n  {name} " in listed.stdout
    described = run(installed, tmp_path, "crawl", "-h")
    assert "pdfspider crawl [options] <spider> | URL ..." in described.stdout
    assert run(installed, tmp_path, "fly").returncode == 2
