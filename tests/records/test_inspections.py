"""What inspections leave in the database, and which documents still lack one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pdfspider.exceptions import RecordsError
from pdfspider.records import Database, export

from .conftest import capture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HASHES = [f"{number:064x}" for number in range(7)]


def found(sha256: str, **fields: Any) -> dict[str, Any]:
    return {"sha256": sha256, "status": "ok", "seconds": 0.5, "inspected": 1_700_000_002.5, **fields}


async def lacking(database: Database, *arguments: str | None) -> list[str]:
    return [sha256 async for sha256 in database.to_inspect(*arguments)]


async def test_documents_without_an_inspection(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdfspider.records.database.PAGE_SIZE", 2)
    for number, sha256 in enumerate(HASHES):
        await database.write(capture(number, sha256, job="even" if number % 2 == 0 else "odd"))
    await database.write(capture(99, None))
    assert await lacking(database) == HASHES
    assert await lacking(database, "odd") == HASHES[1::2]
    await database.write_inspections([found(HASHES[0]), found(HASHES[1], status="timeout")])
    await database.write_inspections([])
    assert await database.inspected(HASHES[:3]) == {*HASHES[:2]}
    assert await lacking(database) == HASHES[2:]
    assert await lacking(database, None, "timeout") == [HASHES[1]]
    assert await lacking(database, "even", "") == HASHES[::2]
    assert await lacking(database, "none", "") == []


async def test_links_inside(database: Database) -> None:
    """Those that were not asked for are not known; a document that has none to give is not asked again."""
    links = ["http://a.test/"]
    await database.write_inspections(
        [
            found(HASHES[0], links=links),
            found(HASHES[1], links=[]),
            found(HASHES[2]),
            found(HASHES[3], status="timeout"),
            found(HASHES[4], status="crashed", links=links),
        ]
    )
    known = {HASHES[0]: links, HASHES[1]: [], HASHES[3]: [], HASHES[4]: links}
    assert await database.links_inside(HASHES) == known


async def test_a_later_inspection_replaces_an_earlier_one(database: Database, rows: Callable[[str], Any]) -> None:
    await database.write_inspections([found(HASHES[0], status="timeout", reason="slow", pages=3)])
    await database.write_inspections([found(HASHES[0], title="a\0b\ud800", links=["http://a.test/\ud800"])])
    (row,) = rows("SELECT * FROM inspections")
    assert (row["status"], row["reason"], row["pages"]) == ("ok", None, None)
    assert row["title"] == "a\ufffdb\ufffd"
    assert json.loads(row["links"]) == ["http://a.test/\ufffd"]


async def test_an_export_has_what_is_inside(database: Database, database_url: str, tmp_path: Path) -> None:
    await database.write(capture(1, HASHES[0], reason="of the capture"))
    await database.write(capture(2))
    await database.write_inspections(
        [found(HASHES[0], reason="odd", encrypted=True, pages=3, links=["http://a.test/"])]
    )
    export(database_url, tmp_path / "all.jsonl")
    lines = (tmp_path / "all.jsonl").read_text().splitlines()
    one, two = sorted(map(json.loads, lines), key=lambda row: str(row["url"]))
    assert (one["status"], one["reason"], one["size"]) == (200, "of the capture", 1000)
    assert (one["inspection_status"], one["inspection_reason"]) == ("ok", "odd")
    assert (one["encrypted"], one["pages"], one["links"]) == (True, 3, ["http://a.test/"])
    assert (two["inspection_status"], two["links"]) == (None, None)


async def test_a_closed_database_says_so(database_url: str) -> None:
    closed = await Database.open(database_url)
    await closed.close()
    with pytest.raises(RecordsError, match="closed"):
        await closed.write_inspections([found(HASHES[0])])
