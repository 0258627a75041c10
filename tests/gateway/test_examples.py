"""The masters of examples/, which docs/gateway.md shows, run as they stand but for addresses."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.processes import free_port
from tests.gateway.example_masters import EXAMPLES, WAYS, run_example
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Start

TEXT = (ROOT / "docs/gateway.md").read_text("utf-8")
SHOWN = {
    heading: code
    for heading, section in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for code in re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
}
README = (EXAMPLES / "README.md").read_text("utf-8")


def test_every_way_has_an_example() -> None:
    table = TEXT.partition("## Transports")[2].partition("\n\nAll transports")[0]
    assert set(re.findall(r"^\| (\w+) \| `", table, re.MULTILINE)) - {"transport"} == set(SHOWN)
    assert {file.name for file in EXAMPLES.glob("*_master.py")} == {way.file for way in WAYS.values()}


@pytest.mark.parametrize("name", SHOWN)
def test_the_documentation_shows_the_example_that_is_run(name: str) -> None:
    assert SHOWN[name] == WAYS[name].code
    assert f"[{WAYS[name].file}]({WAYS[name].file})" in README


def test_the_workers_that_the_readme_shows_are_python() -> None:
    for code in re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        ast.parse(code)


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_runs(name: str, gateway: Start, site: Server, tmp_path: Path) -> None:
    run_example(WAYS[name], gateway, site, tmp_path)


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
