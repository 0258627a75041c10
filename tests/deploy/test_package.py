from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from tests.deploy.project import ROOT, build_wheel, copy_project, package_files, packed_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
NOT_INSTALLED = {"pdfspider", "_typeshed"}
"""The project itself, and what only type checkers read."""

LOCKS = ["requirements.txt", "requirements-test.txt", "requirements-tools.txt"]


def named(requirements: list[str]) -> dict[str, Requirement]:
    return {requirement.name.lower(): requirement for requirement in map(Requirement, requirements)}


def locked(name: str) -> dict[str, str]:
    """Distributions and their versions; the lowest where these depend on the Python."""
    pins = re.findall(r"(?m)^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", (ROOT / name).read_text())
    return {name.lower(): version for name, version in reversed(pins)}


def imported_modules() -> Iterator[str]:
    for file in (ROOT / "pdfspider").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


def test_everything_imported_is_declared() -> None:
    tops = {name.partition(".")[0] for name in imported_modules()} - sys.stdlib_module_names - NOT_INSTALLED
    owners = packages_distributions()
    needed = {owners[top][0].lower().replace("_", "-") for top in tops}
    optional = [line for name, extra in EXTRAS.items() if name != "test" for line in extra]
    assert needed <= named([*PROJECT["dependencies"], *optional]).keys()


@pytest.mark.parametrize(
    ("file", "declared"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        ("requirements-test.txt", [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]),
    ],
)
def test_the_lock_holds_what_is_declared(file: str, declared: list[str]) -> None:
    pins = locked(file)
    wanted = named(declared)
    wanted.pop("pdfspider", None)
    assert {name for name, one in wanted.items() if name not in pins or pins[name] not in one.specifier} == set()


def test_a_crawl_runs_on_what_was_tested() -> None:
    assert locked("requirements.txt").items() <= locked("requirements-test.txt").items()


@pytest.mark.parametrize("file", LOCKS)
def test_the_lock_names_no_place(file: str) -> None:
    pins = (ROOT / file).read_text().replace("--hash=sha256:", "")
    assert not re.search(r"://|--|@|\bfile:|(^|\s)/", pins)


@pytest.mark.parametrize("file", LOCKS)
def test_the_lock_takes_nothing_but_what_was_locked(file: str) -> None:
    """Each version comes with the hashes of its files, without which pip installs none of them."""
    pins = re.split(r"(?m)^(?=\w)", re.sub("#.*", "", (ROOT / file).read_text()))[1:]
    assert len(pins) == len(re.findall(r"(?m)^[\w.-]+(?:\[[\w,]+\])?==", (ROOT / file).read_text()))
    assert [pin for pin in pins if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", pin)] == [], "run `make lock`"
    assert "install --require-hashes" in (ROOT / "Makefile").read_text()


def test_a_wheel_holds_the_whole_package(tmp_path: Path) -> None:
    wheel = build_wheel(copy_project(tmp_path / "project"), tmp_path)
    assert packed_files(wheel) == package_files(ROOT)
