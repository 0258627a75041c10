"""What earlier runs of a job tell, on every database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.history import MAX_RUNS, RECENT_RUNS, History

from .conftest import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdfspider.records import Database

A, B, C = "aa11" + "0" * 60, "bb22" + "0" * 60, "cc33" + "0" * 60


@pytest.fixture
def history(database_url: str, database: Database) -> Iterator[History]:
    history = History(database_url)
    yield history
    history.close()


async def test_the_last_document_of_each_url(database: Database, history: History) -> None:
    for made in (
        capture(1, A, run=10, etag='"old"'),
        capture(2, B, run=10, last_modified="then"),
        capture(3, run=10),
        capture(1, C, run=20, etag='"new"', final_url="http://a.test/x"),
        capture(2, run=20, outcome=Outcome.TIMEOUT),
        capture(1, run=30, outcome=Outcome.GONE),
        capture(2, A, run=10, job="another"),
        capture(1, B, run=40, etag='"later"'),
    ):
        await database.write(made)
    assert history.runs_before("default", 40) == (30, 20, 10)
    assert history.runs_before("default", 10) == history.runs_before("unknown", 40) == ()
    found = history.documents("default", (30, 20, 10), [1, 2, 3, 4])
    assert found.keys() == {1, 2}
    assert (found[1].run, found[1].sha256, found[1].etag, found[1].final_url) == (20, C, '"new"', "http://a.test/x")
    assert (found[2].run, found[2].sha256, found[2].last_modified) == (10, B, "then")


async def test_what_was_unchanged_is_known_and_owns_its_document(database: Database, history: History) -> None:
    assert await database.write(capture(1, A, run=20, outcome=Outcome.UNCHANGED)) is Outcome.UNCHANGED
    assert await database.write(capture(2, A, run=20)) is Outcome.DUPLICATE
    assert history.documents("default", (20,), [1])[1].sha256 == A
    assert await database.write(capture(3, B, run=20)) is Outcome.DOCUMENT
    assert await database.write(capture(4, B, run=20, outcome=Outcome.UNCHANGED)) is Outcome.UNCHANGED


async def test_only_so_many_runs_are_looked_at(database: Database, history: History) -> None:
    await asyncio.gather(*(database.write(capture(1, A, run=run)) for run in range(1, MAX_RUNS + 3)))
    assert history.runs_before("default", MAX_RUNS + 3) == tuple(range(MAX_RUNS + 2, 2, -1))


async def test_what_was_not_visited_lately_is_looked_for_longer(database: Database, history: History) -> None:
    for made in (
        capture(1, A, run=1),
        capture(2, B, run=1),
        *(capture(2, run=run, outcome=Outcome.TIMEOUT) for run in range(2, RECENT_RUNS + 3)),
    ):
        await database.write(made)
    runs = history.runs_before("default", RECENT_RUNS + 3)
    assert len(runs) == RECENT_RUNS + 2
    assert {number: one.sha256 for number, one in history.documents("default", runs, [1, 2, 3]).items()} == {1: A}


def test_a_database_that_cannot_be_read(tmp_path: object) -> None:
    history = History(f"sqlite:///{tmp_path}/nowhere/pdfs.db")
    with pytest.raises(RecordsError, match="cannot be read"):
        history.runs_before("default", 1)
    with pytest.raises(RecordsError, match="cannot be read"):
        history.documents("default", (1,), [1])
    history.close()
