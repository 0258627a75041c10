"""The contract of `.importlinter`: which package may import which."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINT, "--no-logo", "--cache-dir", str(directory / ".import_linter_cache")]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_every_import_is_allowed(tmp_path: Path) -> None:
    copy(tmp_path)
    found = lint(tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("discovery/urls.py", "pdfspider.frontier.frontier"),
        ("records/rows.py", "pdfspider.documents.store"),
        ("frontier/leases.py", "pdfspider.submission.seeds"),
        ("submission/seeds.py", "pdfspider.crawl.worker"),
        ("embedded/locks.py", "pdfspider.config"),
        ("gateway/health.py", "pdfspider.crawl.fetch.errors"),
        ("gateway/inbound/messages.py", "pdfspider.gateway.transports.redis.transport"),
        ("crawl/fetch/bodies/ranges.py", "pdfspider.crawl.engine.scheduler"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, module: str, forbidden: str) -> None:
    copy(tmp_path)
    with (tmp_path / "pdfspider" / module).open("a", encoding="utf-8") as file:
        file.write(f"\nimport {forbidden}\n")
    found = lint(tmp_path)
    assert found.returncode == 1
    assert forbidden in found.stdout.replace("\n", "")


def copy(directory: Path) -> None:
    shutil.copy(ROOT / ".importlinter", directory)
    shutil.copytree(ROOT / "pdfspider", directory / "pdfspider", ignore=shutil.ignore_patterns("__pycache__"))
