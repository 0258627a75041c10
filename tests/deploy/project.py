"""A copy of the project to build from, so that nothing is left in the original."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]
OTHER = (".*", "__pycache__", "*.egg-info", "bench", "build", "data", "dist", "docs", "tests")


def copy_project(target: Path) -> Path:
    return Path(shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*OTHER)))


def build_wheel(project: Path, target: Path) -> Path:
    """Build the project's wheel in ``target`` and return its path."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", target, project], check=True, stdin=subprocess.DEVNULL)
    (wheel,) = target.glob("*.whl")
    return wheel


def package_files(root: Path) -> set[str]:
    """What the package consists of."""
    return {
        path.relative_to(root).as_posix()
        for path in (root / "pdfspider").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def packed_files(archive: Path) -> set[str]:
    """What of the package an egg or a wheel holds."""
    with ZipFile(archive) as content:
        names = content.namelist()
    return {name for name in names if name.startswith("pdfspider/") and not name.endswith((".pyc", "/"))}
