"""What `make crawl` hands to Scrapy: a stand-in in .venv writes down how it was called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.deploy.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

STAND_IN = f"""#!{sys.executable}
import json, pathlib, sys
pathlib.Path("called.json").write_text(json.dumps(sys.argv[1:]))
sys.exit(len(sys.argv) > 5)
"""

MARKERS = (".venv/.requirements.txt", ".venv/.requirements-tools.txt")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for path in ("requirements.txt", "requirements-tools.txt", ".venv/bin/pip", *MARKERS):
        (tmp_path / path).touch()
    (programs / "scrapy").write_text(STAND_IN)
    (programs / "scrapy").chmod(0o755)
    return tmp_path


def make(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As from a shell, even where `make` itself runs the tests and has its variables in the environment."""
    return subprocess.run(
        ["make", *arguments],
        cwd=project,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/",
        "https://example.org/?a=1&b=2;c=3#d",
        'https://example.org/it\'s/(a)/"b"/`id`/*?',
        "https://example.org/$HOME/$$/$(id)/${PATH}/$(shell touch harm)",
        "https://example.org/a b,c\\d,https://example.com/%20%",
    ],
)
def test_the_url_arrives_as_given(project: Path, url: str) -> None:
    done = make(project, "crawl", f"URL={url}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((project / "called.json").read_text()) == ["crawl", "pdfs", "-a", f"urls={url}"]
    assert not (project / "harm").exists()


def test_arguments_are_words_of_the_shell(project: Path) -> None:
    make(project, "crawl", "URL=https://example.org/", "ARGS=-a depth=2 -s USER_AGENT='a b $c'")
    called = json.loads((project / "called.json").read_text())
    assert called[4:] == ["-a", "depth=2", "-s", "USER_AGENT=a b $c"]


def test_the_number_of_workers_arrives_as_given(project: Path) -> None:
    make(project, "crawl", "URL=https://example.org/", "WORKERS=auto $(touch harm)")
    called = json.loads((project / "called.json").read_text())
    assert called[4:] == ["--workers", "auto $(touch harm)"]
    assert not (project / "harm").exists()


def test_a_failed_crawl_fails(project: Path) -> None:
    assert make(project, "crawl", "URL=https://example.org/", "ARGS=-a depth=2").returncode == 2


def test_without_a_url_it_says_so_in_one_line(project: Path) -> None:
    done = make(project, "crawl")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Which site? make crawl URL=https://example.org/" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (project / "called.json").exists()


def test_it_lists_its_targets(project: Path) -> None:
    names = (
        "help",
        "crawl",
        "test",
        "conformance",
        "kafka",
        "rolling",
        "refusals",
        "cluster",
        "clients",
        "typescript",
        "manifests",
        "image",
        "faults",
        "fuzz",
        "hostile",
        "bench",
        "peers",
        "throughput",
        "frontier-load",
        "frontier-cost",
        "simulation",
        "politeness",
        "dashboard-load",
        "recall",
        "beside-wget",
        "revision",
        "docs",
        "lock",
        "lowest",
        "audit-dependencies",
        "clean",
    )
    assert [line.split()[:2] for line in make(project).stdout.splitlines()] == [["make", name] for name in names]


@pytest.mark.parametrize(
    ("audit", "code", "output", "error"),
    [
        ("echo >&2 'No known vulnerabilities found'", 0, "No known vulnerabilities\n", ""),
        ("echo 'idna 3.0 CVE-1'; echo >&2 Found; exit 1", 2, "idna 3.0 CVE-1\n", ""),
        ("echo >&2 'Traceback: Name or service not known'; exit 1", 2, "", "Nothing was checked"),
    ],
)
def test_an_audit_without_an_answer_is_none(project: Path, audit: str, code: int, output: str, error: str) -> None:
    program = project / ".venv/bin/pip-audit"
    program.write_text(f"#!/bin/sh\n{audit}\n")
    program.chmod(0o755)
    done = make(project, "audit-dependencies")
    assert (done.returncode, done.stdout) == (code, output)
    assert error in done.stderr
    assert "Traceback" not in done.stderr
