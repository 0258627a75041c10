"""One name, one thing: names that were replaced by standard terms stay away, in code and documents."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

DATA = Path(__file__).parent
REPLACED = dict(line.split(maxsplit=1) for line in (DATA / "replaced_names.txt").read_text("utf-8").splitlines())
"""Identifiers that were replaced, and by what."""
BARE = frozenset((DATA / "bare_constants.txt").read_text("utf-8").split())
"""Names of constants that say neither what is meant nor its unit, such as ``WAIT`` for ``POLL_INTERVAL_S``."""
MOVED = (DATA / "moved_modules.txt").read_text("utf-8").split()
"""Modules that have another name or another place now."""


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            if isinstance(name := getattr(node, field, None), str):
                yield getattr(node, "lineno", 0), name.strip("_")


def found_in(path: Path) -> Iterator[str]:
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        named = identifiers(ast.parse(text))
    else:  # in Lua and in documents: what is not prose
        code = re.sub(r"--.*", "", text) if path.suffix == ".lua" else " ".join(re.findall(r"`[^`\n]+`", text))
        named = ((0, name.strip("_")) for name in re.findall(r"(?<![\w/-])[A-Za-z_]\w*", code))
    for line, name in named:
        if name in REPLACED:
            yield f"{path.relative_to(ROOT)}:{line} {name}: it is {REPLACED[name]} now"


def test_no_replaced_name_is_left() -> None:
    paths = tracked("pdfspider/*.py", "pdfspider/*.lua", "tests/*.py", "bench/*.py", "docs/*.md", "README.md")
    left = [found for path in paths if "_pb2" not in path.name for found in found_in(path)]
    assert left == []


def constants(tree: ast.Module) -> Iterator[ast.Name]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def test_a_constant_says_what_it_is() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{name.lineno} {name.id}"
        for path in tracked("pdfspider/*.py")
        for name in constants(ast.parse(path.read_text("utf-8")))
        if name.id in BARE
    ]
    assert bare == []


@pytest.mark.parametrize("pattern", ["*.md", "*.py", "*.lua", "*.toml", "Makefile"])
def test_nobody_points_to_a_module_that_was_moved(pattern: str) -> None:
    old = re.compile(rf"\b(?:{'|'.join(MOVED)})\.py\b")
    left = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in tracked(pattern)
        if path.name != "CHANGELOG.md"
        for name in old.findall(path.read_text("utf-8"))
    ]
    assert left == []


def test_every_path_in_the_documents_exists() -> None:
    """A module or script that a document names by its path is there."""
    named = re.compile(r"`((?:pdfspider|tests|bench|docs|frontier|gateway|crawl|records|submission)/[\w./*-]+\.\w+)`")
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in tracked("docs/*.md", "README.md")
        if path.name != "CHANGELOG.md"
        for name in named.findall(path.read_text("utf-8"))
        if not (any(ROOT.glob(name.rstrip("/"))) or any((ROOT / "pdfspider").glob(name.rstrip("/"))))
    ]
    assert missing == []
