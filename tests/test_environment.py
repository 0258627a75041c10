"""Settings from the environment, as containers give them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pdfspider.environment import settings_from
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_variables_and_files_become_settings(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("redis://:päss@host/0\n")
    found = settings_from(
        {
            "PDFSPIDER_DATA_DIR": "/data",
            "PDFSPIDER_REDIS_URL_FILE": str(secret),
            "PDFSPIDER_LOG_FILE": "/var/log/x",
            "PDFSPIDER_lower": "1",
            "HOME": "/root",
        }
    )
    assert found == {"DATA_DIR": "/data", "REDIS_URL": "redis://:päss@host/0", "LOG_FILE": "/var/log/x"}


def test_a_file_that_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="error: PDFSPIDER_REDIS_URL_FILE: cannot read /nowhere: No such file"):
        settings_from({"PDFSPIDER_REDIS_URL_FILE": "/nowhere"})
    latin = tmp_path / "latin"
    latin.write_bytes(b"\xe4")
    with pytest.raises(SystemExit, match="it is not UTF-8"):
        settings_from({"PDFSPIDER_REDIS_URL_FILE": str(latin)})


def test_the_command_line_overrides_the_environment() -> None:
    code = "from pdfspider.cli import main; main()"
    environment = {**os.environ, "PDFSPIDER_DATA_DIR": "/nowhere/a", "PDFSPIDER_LOG_LEVEL": "ERROR"}

    def data_dir(*words: str) -> str:
        command = [sys.executable, "-c", code, "settings", "--get", "DATA_DIR", *words]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert data_dir() == "/nowhere/a"
    assert data_dir("-s", "DATA_DIR=/nowhere/b") == "/nowhere/b"
