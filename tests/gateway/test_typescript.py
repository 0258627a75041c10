"""A master in TypeScript, with a client that is generated from the OpenAPI document."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from bench.processes import free_port
from tests.gateway.example_masters import EXAMPLES
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start

pytestmark = pytest.mark.slow

PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3", "@types/node@20.19.0")
GENERATE = ("openapi-typescript", "openapi.json", "--output", "schema.d.ts", "--default-non-nullable=false")
COMPILE = (
    "tsc",
    "--strict",
    "--noUncheckedIndexedAccess",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--types",
    "node",
)


class Project:
    """A directory with packages of npm, which nothing but this test uses."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "package.json").write_text('{"private": true, "type": "module"}')

    def run(self, *words: str) -> str:
        done = self.attempt(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def attempt(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=self.directory, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    if missing := [name for name in ("node", "npm", "npx") if not shutil.which(name)]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    project = Project(tmp_path)
    if (found := project.attempt("npm", "view", PACKAGES[0], "version")).returncode:
        pytest.skip(f"the npm registry cannot be reached: {found.stderr.strip()[-200:]}")
    project.run("npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES)
    return project


def test_a_generated_client_hands_in_and_reads_the_result(project: Project, gateway: Start, site: Server) -> None:
    port = free_port()
    running = gateway(f"http://127.0.0.1:{port}")
    with urlopen(f"http://127.0.0.1:{port}/openapi.json") as answer:
        (project.directory / "openapi.json").write_bytes(answer.read())
    code = (EXAMPLES / "http_master.ts").read_text("utf-8").replace("8080", str(port))
    (project.directory / "http_master.ts").write_text(code)
    project.run("npx", *GENERATE)
    project.run("npx", *COMPILE, "http_master.ts")
    assert site.site.document_url(0) in project.run("node", "http_master.js", site.url)
    running.stop()
