"""The masters of examples/ with old and new versions of their clients, each in a virtual environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.gateway.example_masters import WAYS, run_example
from tests.support import PATIENCE

if TYPE_CHECKING:
    from bench.server import Server
    from tests.gateway.conftest import Start

pytestmark = pytest.mark.slow

CELERY = {
    "5.2.7": ("celery==5.2.7", "kombu==5.2.4", "redis==4.6.0"),
    "5.3.6": ("celery==5.3.6", "kombu==5.3.7", "redis==5.0.8"),
    "5.7.0": ("celery[redis]==5.7.0",),
}
CLIENTS = {
    "Redis": {name: (f"redis=={name}",) for name in ("4.0.2", "4.6.0", "5.0.8", "5.3.1")},
    "RabbitMQ": {name: (f"pika=={name}",) for name in ("1.0.1", "1.3.2", "1.4.4")},
    "Celery": CELERY,
    "Celery by RabbitMQ": CELERY,
    "RQ": {
        "1.16.2": ("rq==1.16.2", "redis==4.6.0"),
        "2.0.0": ("rq==2.0.0", "redis==5.0.8"),
        "2.12.0": ("rq==2.12.0",),
        "3.0.0": ("rq==3.0.0",),
    },
}
CASES = [(way, packages) for way, versions in CLIENTS.items() for packages in versions.values()]


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where packages cannot be had."""
    command = (sys.executable, "-m", "pip", "download", "--no-deps", "pika==1.3.2", "--dest")
    done = run(*command, tmp_path_factory.mktemp("index"))
    if done.returncode:
        pytest.skip(f"PyPI cannot be reached: {done.stderr.strip().splitlines()[-1]}")


def make_environment(directory: Path, packages: tuple[str, ...]) -> Path:
    """Return the interpreter of a new environment with these packages."""
    python = directory / "bin" / "python"
    if uv := shutil.which("uv", path=Path(sys.executable).parent):
        venv.create(directory)
        done = run(uv, "pip", "install", "--quiet", "--python", python, *packages)
    else:
        venv.create(directory, with_pip=True)
        done = run(python, "-m", "pip", "install", "--quiet", *packages)
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(("way", "packages"), CASES, ids=[f"{way}-{packages[0]}" for way, packages in CASES])
def test_a_client_of_any_version_is_served(
    way: str, packages: tuple[str, ...], gateway: Start, site: Server, tmp_path: Path
) -> None:
    python = make_environment(tmp_path / "environment", packages)
    run_example(WAYS[way], gateway, site, tmp_path, python)
