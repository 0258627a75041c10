"""Several processes on one database, and one that is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdfspider.records import Database
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    Rows = Callable[[str], list[dict[str, Any]]]

PROGRAM = Path(__file__).with_name("writing.py")
ROOT = PROGRAM.parents[2]


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def check_consistent(rows: Rows) -> None:
    """Every document of a run has one owner and one capture of class ``document``: the owner's."""
    wrong = (
        "SELECT * FROM captures LEFT JOIN owners USING (job, run, sha256) LEFT JOIN documents USING (sha256)"
        " WHERE documents.sha256 IS NULL OR owners.sha256 IS NULL"
        " OR (outcome = 'document') <> (captures.fingerprint = owners.fingerprint)"
    )
    assert not rows(wrong)
    assert not rows("SELECT * FROM owners LEFT JOIN captures USING (job, run, fingerprint) WHERE url IS NULL")


def test_four_processes_share_a_new_database(database_url: str, rows: Rows) -> None:
    processes = [start(database_url, str(name), "250") for name in range(4)]
    printed = [process.communicate(timeout=PATIENCE)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert len({lines[0] for lines in printed}) == 1
    answers = dict(line.split() for lines in printed for line in lines[1:])
    written = {str(row["fingerprint"]): row["outcome"] for row in rows("SELECT fingerprint, outcome FROM captures")}
    assert answers == written
    assert len(written) == 1000
    assert list(written.values()).count("document") == len(rows("SELECT * FROM documents")) == 250
    check_consistent(rows)


async def test_a_killed_process_leaves_what_was_answered(database_url: str, rows: Rows) -> None:
    with start(database_url, "1") as process:
        assert process.stdout
        lines = [next(process.stdout) for _ in range(300)]
        process.kill()
        answered = {line.split()[0] for line in [*lines[1:], *process.stdout.read().splitlines()[:-1]]}
    assert answered <= {str(row["fingerprint"]) for row in rows("SELECT fingerprint FROM captures")}
    check_consistent(rows)
    if database_url.startswith("sqlite"):
        assert rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    database = await Database.open(database_url)
    assert await database.database_id() == lines[0].split()[1]
    await database.close()
