"""What a run of the tests must not leave behind: processes, temporary files, further files in the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil

from tests import fork_server

ROOT = Path(__file__).parents[1]
MARK = "TEST_RUN_OF_PDFSPIDER"
"""A variable of the environment, which every process of a run inherits."""
PATIENCE = 60


@dataclass
class Run:
    """One run of the tests, with a directory for temporary files of its own."""

    mark: str
    directory: Path
    known: set[str]

    @classmethod
    def begin(cls) -> Run:
        """Mark the processes to come, and give them the directory."""
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        directory = Path(tempfile.mkdtemp(prefix="t-"))
        directory.chmod(0o1777)  # as /tmp: some servers run as users of their own
        os.environ["TMPDIR"] = tempfile.tempdir = str(directory)
        os.environ[MARK] = str(uuid4())
        fork_server.ENVIRONMENT.update({name: os.environ[name] for name in ("TMPDIR", MARK)})
        return cls(os.environ[MARK], directory, _untracked())

    def end(self) -> list[str]:
        """Return what is left, after waiting for processes that are still ending; remove the files."""
        fork_server.stop()
        deadline = time.monotonic() + PATIENCE
        while (processes := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        found = [f"the process {' '.join(one.info['cmdline'])[:200]}" for one in processes]
        found += [f"the temporary file {path}" for path in sorted(self.directory.iterdir()) if not _may_stay(path)]
        found += [f"in the checkout {path}" for path in sorted(_untracked() - self.known)]
        shutil.rmtree(self.directory, ignore_errors=True)
        return found

    def _processes(self) -> list[psutil.Process]:
        mine = os.getpid()
        return [one for one in psutil.process_iter(["cmdline"]) if one.pid != mine and self._is_of_run(one)]

    def _is_of_run(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self.mark
        except psutil.Error:
            return False


def _may_stay(path: Path) -> bool:
    """Return whether this is the directory of links to long paths of embedded servers, or a file of Chromium's own."""
    if path.name == f"pdfspider-{os.geteuid()}":
        return all(one.is_symlink() for one in path.iterdir())
    return path.name.startswith("org.chromium.")


def _untracked() -> set[str]:
    """Return the files in the checkout that git neither tracks nor ignores, none where there is no git."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return set()
    command = [git, "ls-files", "--others", "--exclude-standard"]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines())
