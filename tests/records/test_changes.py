"""What has changed in a job between two runs."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from pdfspider.commands.changes import _since
from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.items import Outcome
from pdfspider.records import changes as changes_module
from pdfspider.records.listings import Listings

if TYPE_CHECKING:
    from pdfspider.records import Database
    from pdfspider.records.cursors import Cursor
    from tests.records.conftest import MakeCapture

RUNS: dict[int, dict[str, tuple[Outcome, str | None]]] = {
    1: {
        "same": (Outcome.DOCUMENT, "a"),
        "edited": (Outcome.DOCUMENT, "b"),
        "removed": (Outcome.DOCUMENT, "c"),
        "fails": (Outcome.DOCUMENT, "d"),
        "page": (Outcome.PAGE, None),
        "back": (Outcome.DOCUMENT, "e"),
        "unlinked": (Outcome.DOCUMENT, "f"),
    },
    2: {"back": (Outcome.GONE, None), "page": (Outcome.PAGE, None)},
    3: {
        "same": (Outcome.UNCHANGED, "a"),
        "edited": (Outcome.DOCUMENT, "b2"),
        "removed": (Outcome.GONE, None),
        "fails": (Outcome.TIMEOUT, None),
        "page": (Outcome.PAGE, None),
        "back": (Outcome.DUPLICATE, "e"),
        "added": (Outcome.DOCUMENT, "g"),
        "never": (Outcome.NOT_FOUND, None),
    },
}


async def fill(database: Database, make_capture: MakeCapture) -> None:
    for run, visits in RUNS.items():
        for name, (outcome, sha256) in visits.items():
            url = f"http://a.test/{name}"
            written = make_capture(job="j", run=run, url=url, fingerprint=hash(name) % 2**60, outcome=outcome)
            written.sha256 = sha256 and sha256.ljust(64, "0")
            await database.write(written)


async def changes(database: Database, since: int | None = None) -> dict[str, tuple[str, str | None, str | None]]:
    async with aclosing(database.changes("j", since)) as found:
        return {
            change.url.rpartition("/")[2]: (
                change.change,
                change.before and change.before.rstrip("0"),
                change.sha256 and change.sha256.rstrip("0"),
            )
            async for change in found
        }


async def test_what_is_new_changed_and_gone(database: Database, make_capture: MakeCapture) -> None:
    await fill(database, make_capture)
    expected = {"edited": ("changed", "b", "b2"), "removed": ("gone", "c", None), "added": ("new", None, "g")}
    assert await changes(database) == expected | {"back": ("new", None, "e")}
    assert await changes(database, 2) == await changes(database)
    assert await changes(database, 1) == expected, "what was gone only in between is what it was"
    first = await changes(database, 0)
    assert {change for change, *_ in first.values()} == {"new"}
    assert first.keys() == {"same", "edited", "fails", "back", "unlinked", "added"}


async def test_a_list_of_changes_goes_on_where_it_ended_and_says_the_same(
    database: Database, database_url: str, make_capture: MakeCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database, make_capture)
    listings = Listings(database_url)

    async def listed(since: int | None) -> dict[str, tuple[str, str | None, str | None]]:
        found: dict[str, tuple[str, str | None, str | None]] = {}
        after: Cursor | None = None
        while True:
            part = await listings.changes("j", since, 2, after)
            assert part.runs == [3, 2, 1]
            for change in part.changes:
                name = change.url.rpartition("/")[2]
                assert name not in found
                found[name] = (
                    change.change,
                    change.before and change.before.rstrip("0"),
                    change.sha256 and change.sha256.rstrip("0"),
                )
            if not (after := part.next):
                return found

    for looked_at in (1000, 3):
        monkeypatch.setattr(changes_module, "CAPTURES_PER_CALL", looked_at)
        for since in (None, 0, 1, 2):
            assert await listed(since) == await changes(database, since)
    assert (await listings.changes("other", None, 2)).runs == []
    listings.close()


async def test_the_first_run_is_all_new_and_a_job_without_runs_is_refused(
    database: Database, make_capture: MakeCapture
) -> None:
    await database.write(make_capture(job="j", run=5))
    with pytest.raises(JobNotFound, match="no run of a job 'other'"):
        async with aclosing(database.changes("other")) as found:
            await anext(found)
    assert {change for change, *_ in (await changes(database)).values()} <= {"new"}


async def test_the_seeds_of_the_newest_run(database: Database, make_capture: MakeCapture) -> None:
    for run, number, technique in ((1, 1, "seed"), (2, 2, "seed"), (2, 3, "a"), (3, 4, "a")):
        written = make_capture(job="j", run=run, url=f"http://a.test/{number}", fingerprint=number)
        written.technique = technique
        await database.write(written)
    assert await database.seeds("j") == [("http://a.test/2", 0)]
    assert await database.seeds("other") == []


def test_since_is_a_run_or_a_day() -> None:
    assert _since(None) is None
    assert _since("1800000000000") == 1_800_000_000_000
    assert _since("1970-01-02") == 86_400_000
    for text in ("", "yesterday", "2026-13-01", "1.5", "-1"):
        with pytest.raises(InvalidInput, match="neither the number of a run nor a day"):
            _since(text)
