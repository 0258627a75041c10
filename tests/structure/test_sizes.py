"""Packages, modules and functions stay small enough to be read in one sitting."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pdfspider"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if "_pb2" not in path.name]
FOLDERS = [path.parent for room in ("crawl", "gateway") for path in (PACKAGE / room).rglob("__init__.py")]
MODULES_PER_FOLDER = 20
LINES_PER_MODULE = 300
LINES_PER_FUNCTION = 40
LONG = "Longer than 300 lines:"
"""A module that says so in its docstring, and why, may be longer."""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_folder_has_few_modules(folder: Path) -> None:
    assert len([path for path in folder.glob("*.py") if path.stem != "__init__"]) <= MODULES_PER_FOLDER


def test_modules_are_short_or_say_why_not() -> None:
    def is_fine(text: str) -> bool:
        return text.count("\n") <= LINES_PER_MODULE or LONG in (ast.get_docstring(ast.parse(text)) or "")

    assert [str(path.relative_to(PACKAGE)) for path in MODULES if not is_fine(path.read_text("utf-8"))] == []


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}: {length} lines"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LINES_PER_FUNCTION
    ]
    assert long == []
