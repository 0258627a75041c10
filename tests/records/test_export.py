"""Exports of all kinds, read back."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from pdfspider.exceptions import ConfigurationError, InvalidInput, RecordsError
from pdfspider.items import Hop, Outcome
from pdfspider.records import Database, export, reader

from .conftest import capture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

A = "aa11" + "0" * 60
BEYOND = ["document_size", "first_seen", "path", "inspection_status", "inspection_reason", "pages", "title"]


@pytest.fixture
async def filled(database: Database, database_url: str) -> AsyncIterator[str]:
    await database.write(capture(1, A, hops=[Hop(301, "http://a.test/é")], reason='a "quoted",\nline', depth=2))
    await database.write(capture(2, A))
    await database.write(capture(3))
    await database.write(capture(-4, job="other", outcome=Outcome.TIMEOUT, size=None, status=None))
    return database_url


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(parquet.read_table(path).to_pylist())
    with path.open(encoding="utf-8", newline="") as file:
        return [json.loads(line) for line in file] if path.suffix == ".jsonl" else list(csv.DictReader(file))


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet", "JSONL"])
async def test_what_was_written_comes_out(filled: str, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "out" / f"all.{suffix.lower()}"
    path.parent.mkdir()
    assert export(filled, path) == 4
    found = {int(row["fingerprint"]): row for row in read(path)}
    assert set(found) == {1, 2, 3, -4}
    names = list(found[1])
    begin = names.index(BEYOND[0])
    assert names[begin : begin + len(BEYOND)] == BEYOND
    assert {number: row["outcome"] for number, row in found.items()} == {
        1: "document",
        2: "duplicate",
        3: "page",
        -4: "timeout",
    }
    assert found[1]["path"] == found[2]["path"] == f"aa/11/{A}.pdf"
    assert found[1]["reason"] == 'a "quoted",\nline'
    assert int(found[1]["document_size"]) == 1000
    assert float(found[1]["started"]) == 1_700_000_000.5
    assert not found[3]["path"]
    assert not found[-4]["size"]
    hops = found[1]["hops"]
    assert (hops if suffix.lower() == "jsonl" else json.loads(hops)) == [[301, "http://a.test/é"]]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
async def test_one_job_or_none(filled: str, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    assert export(filled, path, job="other") == 1
    assert [row["job"] for row in read(path)] == ["other"]
    assert export(filled, path, job="none") == 0
    assert read(path) == []


async def test_parquet_has_types(filled: str, tmp_path: Path) -> None:
    export(filled, tmp_path / "out.parquet")
    schema = parquet.read_schema(tmp_path / "out.parquet")
    types = {name: str(schema.field(name).type) for name in ("run", "depth", "started", "url", "first_seen")}
    assert types == {"run": "int64", "depth": "int32", "started": "double", "url": "string", "first_seen": "double"}


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
async def test_memory_does_not_grow_with_the_rows(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAGE_SIZE", 500)
    peaks = []
    for number in (1_100, 5_500):
        url = f"sqlite:///{tmp_path}/{number}.db"
        await (await Database.open(url)).close()
        fill_quickly(tmp_path / f"{number}.db", number)
        tracemalloc.start()
        assert export(url, tmp_path / f"out.{suffix}") == number
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def fill_quickly(path: Path, number: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO captures (job, run, fingerprint, url, hops, depth, outcome, worker, attempt, token)"
            " SELECT 'default', 1, i, 'http://a.test/' || i, '[]', 0, 'page', 'w', 1, '1' FROM n",
            (number,),
        )
    connection.close()


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.jsonl.gz"])
def test_unknown_suffixes(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"\.jsonl, \.csv, \.parquet"):
        export(f"sqlite:///{tmp_path}/pdfs.db", tmp_path / name)


def test_a_database_that_cannot_be_read_is_not_the_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Cannot read sqlite"):
        export(f"sqlite:///{tmp_path}/{'x' * 300}", tmp_path / "out.csv")


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no database"):
        export(f"sqlite:///{tmp_path}/pdfs.db", tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())


def test_a_foreign_database(tmp_path: Path) -> None:
    (tmp_path / "pdfs.db").touch()
    with pytest.raises(RecordsError, match="no such table"):
        export(f"sqlite:///{tmp_path}/pdfs.db", tmp_path / "out.csv")
    assert not list(tmp_path.glob("*out*"))


async def test_a_target_that_cannot_be_written(filled: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        export(filled, tmp_path / "none" / "out.csv")


async def test_no_pyarrow(filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'pdfspider\[parquet\]'"):
        export(filled, tmp_path / "out.parquet")


FORMULAS = ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]


async def test_texts_like_formulas_are_no_formulas_in_a_csv(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    for number, text in enumerate(FORMULAS, 1):
        await database.write(capture(number, reason=text, content_type="a=b", size=-number))
    export(database_url, tmp_path / "all.csv")
    rows = {int(row["fingerprint"]): row for row in read(tmp_path / "all.csv")}
    assert [rows[number]["reason"] for number in range(1, len(FORMULAS) + 1)] == [f"'{text}" for text in FORMULAS]
    assert {row["content_type"] for row in rows.values()} == {"a=b"}
    assert rows[1]["size"] == "-1"  # numbers stay numbers


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
async def test_texts_like_formulas_stay_as_they_are_elsewhere(
    database: Database, database_url: str, tmp_path: Path, suffix: str
) -> None:
    for number, text in enumerate(FORMULAS, 1):
        await database.write(capture(number, reason=text))
    export(database_url, tmp_path / f"all.{suffix}", raw=suffix == "csv")
    assert {row["reason"] for row in read(tmp_path / f"all.{suffix}")} == set(FORMULAS)
