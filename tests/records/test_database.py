"""What must hold on every database."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from pdfspider.exceptions import RecordsError
from pdfspider.items import Capture, Hop, Outcome
from pdfspider.records import Database, RetryableUrl

from .conftest import capture

if TYPE_CHECKING:
    from collections.abc import Callable

    Rows = Callable[[str], list[dict[str, Any]]]

OWNERS = {Outcome.DOCUMENT, Outcome.DUPLICATE, Outcome.UNCHANGED}
A, B = "aa11" + "0" * 60, "bb22" + "0" * 60


async def write_all(database: Database, *captures: Capture) -> list[Outcome]:
    return await asyncio.gather(*map(database.write, captures))


async def test_a_capture_comes_back_as_it_was_written(database: Database, rows: Rows) -> None:
    written = capture(
        -(2**63),
        A,
        final_url="http://a.test/é",
        hops=[Hop(301, "http://a.test/1"), Hop(302, "http://a.test/2")],
        found_on="http://a.test/",
        technique="a",
        depth=3,
        reason="because",
        content_type="application/pdf",
        disposition_name="x.pdf",
        etag='"1"',
        last_modified="yesterday",
        size=2**40,
        attempt=2,
    )
    assert await database.write(written) is Outcome.DOCUMENT
    [row] = rows("SELECT * FROM captures")
    assert row.pop("hops") == '[[301, "http://a.test/1"], [302, "http://a.test/2"]]'
    assert row == {name: getattr(written, name) for name in row}
    assert rows("SELECT * FROM documents") == [
        {"sha256": A, "size": 2**40, "first_seen": 1_700_000_001.5, "path": f"aa/11/{A}.pdf"}
    ]


async def test_other_classes_stay_and_own_nothing(database: Database, rows: Rows) -> None:
    others = [outcome for outcome in Outcome if outcome not in OWNERS]
    visits = [capture(number, A, outcome=outcome) for number, outcome in enumerate(others)]
    assert await write_all(database, *visits) == others
    found = rows("SELECT outcome FROM captures ORDER BY fingerprint")
    assert [row["outcome"] for row in found] == [outcome.value for outcome in others]
    assert not rows("SELECT * FROM owners")
    assert not rows("SELECT * FROM documents")


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
async def test_the_first_owner_stays(database: Database, rows: Rows, order: tuple[int, ...], together: bool) -> None:
    visits = [capture(number, A) for number in order]
    answers = await write_all(database, *visits) if together else [await database.write(visit) for visit in visits]
    assert answers == [Outcome.DOCUMENT, Outcome.DUPLICATE, Outcome.DUPLICATE]
    for again in itertools.permutations([1, 2, 3]):
        redelivered = [capture(number, A, token="0002:x", outcome=Outcome.DUPLICATE) for number in again]
        for visit, answer in zip(redelivered, await write_all(database, *redelivered), strict=True):
            expected = Outcome.DOCUMENT if visit.fingerprint == order[0] else Outcome.DUPLICATE
            assert answer is expected
    assert rows("SELECT fingerprint FROM captures WHERE outcome = 'document'") == [{"fingerprint": order[0]}]
    assert len(rows("SELECT * FROM documents")) == 1


async def test_known_and_new_documents_in_one_group(database: Database) -> None:
    await database.write(capture(1, A))
    answers = await write_all(database, capture(2, A), capture(3, B), capture(4), capture(1, A), capture(5, B))
    assert [answer.value for answer in answers] == ["duplicate", "document", "page", "document", "duplicate"]


async def test_each_job_and_run_has_its_own_owner(database: Database, rows: Rows) -> None:
    answers = await write_all(
        database, capture(1, A), capture(2, A, job="other"), capture(3, A, run=1_800_000_000_000), capture(4, A)
    )
    assert answers == [Outcome.DOCUMENT] * 3 + [Outcome.DUPLICATE]
    assert len(rows("SELECT * FROM documents")) == 1


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("first", "second"), [("0009:a", "0010:B"), ("0010:B", "0009:a"), ("0009:B", "0009:a")])
async def test_the_larger_token_wins(database: Database, rows: Rows, first: str, second: str, together: bool) -> None:
    visits = [capture(1, A, token=first, worker=first), capture(1, A, token=second, worker=second)]
    answers = await write_all(database, *visits) if together else [await database.write(visit) for visit in visits]
    assert answers == [Outcome.DOCUMENT] * 2
    assert rows("SELECT token, worker FROM captures") == [{"token": max(first, second), "worker": max(first, second)}]


async def test_an_equal_token_writes_again(database: Database, rows: Rows) -> None:
    await database.write(capture(1))
    await database.write(capture(1, outcome=Outcome.TIMEOUT))
    assert rows("SELECT outcome FROM captures") == [{"outcome": "timeout"}]


async def test_text_that_databases_refuse(database: Database, rows: Rows) -> None:
    fields = ("url", "final_url", "found_on", "technique", "reason", "content_type", "disposition_name", "etag")
    bad = "a\0b\ud800c\U0001f600é"
    written = capture(1, A, hops=[Hop(302, bad)], last_modified="x" * 1_000_000, **dict.fromkeys(fields, bad))
    assert await database.write(written) is Outcome.DOCUMENT
    [row] = rows("SELECT * FROM captures")
    assert {row[name] for name in fields} == {"a\ufffdb\ufffdc\U0001f600é"}
    assert "\\u0000" not in row["hops"]
    assert set(row["last_modified"]) == {"x"}


async def test_a_bad_row_fails_alone(database: Database, rows: Rows) -> None:
    visits = [capture(number, f"{number:064x}") for number in range(20)]
    visits[7].size = 2**70
    visits[11].url = None
    answers = await asyncio.gather(*map(database.write, visits), return_exceptions=True)
    assert [number for number, answer in enumerate(answers) if isinstance(answer, RecordsError)] == [7, 11]
    assert {answer for answer in answers if not isinstance(answer, RecordsError)} == {Outcome.DOCUMENT}
    assert len(rows("SELECT * FROM captures")) == len(rows("SELECT * FROM documents")) == 18


async def test_more_than_one_group(database: Database, rows: Rows) -> None:
    answers = await write_all(database, *(capture(number, f"{number % 600:064x}") for number in range(1200)))
    assert answers.count(Outcome.DOCUMENT) == answers.count(Outcome.DUPLICATE) == 600
    assert rows("SELECT count(*) AS n FROM captures WHERE outcome = 'document'") == [{"n": 600}]


async def test_a_cancelled_caller_disturbs_nobody(database: Database, rows: Rows) -> None:
    tasks = [asyncio.create_task(database.write(capture(number))) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert answers[0] is answers[2] is Outcome.PAGE
    assert await database.write(capture(9)) is Outcome.PAGE


async def test_close_finishes_what_waits(database_url: str, rows: Rows) -> None:
    database = await Database.open(database_url)
    writes = [asyncio.create_task(database.write(capture(number))) for number in range(50)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*writes) == [Outcome.PAGE] * 50
    assert len(rows("SELECT * FROM captures")) == 50
    with pytest.raises(RecordsError, match="closed"):
        await database.write(capture(99))


async def test_the_loop_goes_on_during_a_write(database: Database) -> None:
    write = asyncio.create_task(database.write(capture()))
    turns = 0
    while not write.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 3


async def test_everyone_who_opens_at_once_gets_the_same_id(database_url: str, rows: Rows) -> None:
    opened = await asyncio.gather(*(Database.open(database_url) for _ in range(8)))
    ids = {await database.database_id() for database in opened}
    for database in opened:
        await database.close()
    again = await Database.open(database_url)
    assert ids == {await again.database_id()}
    await again.close()
    assert len(rows("SELECT * FROM meta")) == 1


async def test_failed_gives_dead_letters_of_the_latest_run(database: Database) -> None:
    await write_all(
        database,
        capture(1, run=1, outcome=Outcome.TIMEOUT),
        capture(1, run=2, outcome=Outcome.TIMEOUT, depth=4, found_on="http://a.test/", technique="a"),
        capture(2, run=2, outcome=Outcome.NOT_FOUND),
        capture(3, run=2),
        capture(4, run=1, job="other", outcome=Outcome.DNS_ERROR),
    )
    timeout = RetryableUrl("default", 2, "http://a.test/1", 4, "http://a.test/", "a", Outcome.TIMEOUT, 0, 1)
    dns = RetryableUrl("other", 1, "http://a.test/4", 0, None, None, Outcome.DNS_ERROR, 0, 4)
    assert sorted([failure async for failure in database.failed()]) == [timeout, dns]
    assert [failure async for failure in database.failed(job="default")] == [timeout]
    [missing] = [failure async for failure in database.failed(outcome=Outcome.NOT_FOUND)]
    assert missing.url == "http://a.test/2"
    assert not [failure async for failure in database.failed(job="other", outcome=Outcome.TIMEOUT)]


async def test_failed_may_be_left_early_and_written_beside(database: Database) -> None:
    await write_all(database, *(capture(number, outcome=Outcome.TIMEOUT) for number in range(1100)))
    async for failure in database.failed():
        assert failure.outcome is Outcome.TIMEOUT
        assert await database.write(capture(5000)) is Outcome.PAGE
        break
    assert len([failure async for failure in database.failed()]) == 1100
