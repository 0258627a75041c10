"""Tests run with the server of the system, and with the bundled one."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.embedded.users import NEEDS_SYSTEM, NO_PATH, ROOT, SYSTEM_PATH, USER, Launch, end, kill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(
    params=[pytest.param(SYSTEM_PATH, id="system", marks=NEEDS_SYSTEM), pytest.param(NO_PATH, id="bundled")]
)
def search_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PATH", request.param)
    return str(request.param)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "data" / "redis"
    yield path
    end(path)


@pytest.fixture
def launch(directory: Path) -> Iterator[Launch]:
    started: list[subprocess.Popen[str]] = []

    def run(script: str = USER) -> subprocess.Popen[str]:
        user = subprocess.Popen(
            [sys.executable, "-c", script, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        started.append(user)
        return user

    yield run
    for user in started:
        kill(user)
