"""When hosts are due, on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pdfspider.discovery.urls import host_of
from pdfspider.exceptions import RecordsError
from pdfspider.items import Hop, Outcome
from pdfspider.records.visits import RevisitInterval

from .conftest import capture

if TYPE_CHECKING:
    from pdfspider.records import Database

SHA = "aa11" + "0" * 60
PACE = RevisitInterval(least=10, most=60)


async def write(database: Database, run: int, host: str, outcome: Outcome, **fields: Any) -> None:
    sha256 = SHA if outcome in (Outcome.DOCUMENT, Outcome.UNCHANGED) else None
    found_on = fields.pop("found_on", None)
    made = capture(
        hash((run, host)) >> 2,
        sha256,
        run=run,
        outcome=outcome,
        url=f"http://{host}/",
        found_on=f"http://{found_on}:81/" if found_on else None,
        **fields,
    )
    await database.write(made)


async def intervals(database: Database, before: int = 1 << 50, job: str = "default") -> dict[str, float]:
    known = await database.visits(job, before, PACE, host_of)
    return {host: visits.interval for host, visits in known.items()}


async def test_intervals_double_and_halve_within_bounds(database: Database) -> None:
    for run in range(1, 6):
        await write(database, run, "quiet.test", Outcome.DOCUMENT if run == 1 else Outcome.UNCHANGED)
        await write(database, run, "lively.test", Outcome.DOCUMENT)
        await write(database, run, "dead.test", Outcome.TIMEOUT)
        await write(database, run, "forbidden.test", Outcome.ROBOTS_DENIED)
        if run in (1, 5):
            await write(database, run, "rare.test", Outcome.UNCHANGED)
    await write(database, 6, "quiet.test", Outcome.GONE)
    await write(database, 1, "other.test", Outcome.PAGE, job="other")
    before = {"quiet.test": 60, "lively.test": 10, "dead.test": 60, "rare.test": 20}
    assert await intervals(database, before=6) == before
    assert await intervals(database) == {**before, "quiet.test": 30}
    assert (await database.visits("default", 6, PACE, host_of))["rare.test"].due == 20.005
    assert await intervals(database, job="none") == {}


async def test_a_change_is_one_of_the_hosts_on_the_way_to_it(database: Database) -> None:
    """A list that never changes itself would hide what is new behind it."""
    for run in (1, 2):
        await write(database, run, "old-name.test", Outcome.REDIRECT)
        await write(database, run, "list.test", Outcome.PAGE, hops=[Hop(301, "http://old-name.test/")])
        await write(database, run, "files.test", Outcome.DOCUMENT, found_on="list.test")
        await write(database, run, "neighbour.test", Outcome.PAGE)
        await write(database, run, "shared.test", Outcome.UNCHANGED, found_on="neighbour.test")
    quiet = {"neighbour.test": 20, "shared.test": 20}
    assert await intervals(database) == {"old-name.test": 10, "list.test": 10, "files.test": 10, **quiet}


async def test_a_database_that_cannot_be_read(database: Database, rows: Any) -> None:
    await write(database, 1, "a.test", Outcome.PAGE)
    database._engine.url = database._engine.url.set(database="/nowhere/else")
    with pytest.raises(RecordsError, match="cannot be read"):
        await intervals(database)
