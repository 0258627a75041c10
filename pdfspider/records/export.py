"""Export captures to a file: one row per capture, with its document."""

from __future__ import annotations

import csv
import json
import os
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Double, Integer

from pdfspider.exceptions import ConfigurationError, InvalidInput
from pdfspider.records.engine import connect, read_url, require_tables, shown
from pdfspider.records.reader import export_query, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Engine, Row, Select
    from sqlalchemy.types import TypeEngine

    Pages = Iterator[Sequence[Row[Any]]]
    Format = Callable[[Path, Select[Any], Pages], int]

OPEN_TIMEOUT_S = 30.0
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters of a formula; the last four are full-width forms, which some spreadsheets treat alike."""


def export(database_url: str, path: str | os.PathLike[str], job: str | None = None, *, raw: bool = False) -> int:
    """Write every capture, or those of one job, to a .jsonl, .csv or .parquet file, and return their number.

    A row has all columns of ``captures``, then ``document_size``, ``first_seen`` and ``path`` of its document, then
    ``inspection_status``, ``inspection_reason`` and the other columns of ``inspections``. Cells of a .csv that a
    spreadsheet would take for a formula begin with an apostrophe, unless ``raw``. The file appears under its name when
    it is complete. The call blocks. Raises InvalidInput for another suffix, ConfigurationError if the database or the
    file cannot be used, and RecordsError if reading fails.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    write = partial(_csv, raw=True) if raw and suffix == ".csv" else FORMATS.get(suffix)
    if write is None:
        raise InvalidInput(f"Cannot export to {path.name}: the name must end in {', '.join(FORMATS)}")
    query = export_query(job)
    try:
        with _existing(database_url) as engine, closing(pages(engine, query)) as found, _replacing(path) as part:
            return write(part, query, found)
    except OSError as error:
        raise ConfigurationError(f"Cannot write {path}: {error.strerror or error}") from None


@contextmanager
def _existing(database_url: str) -> Iterator[Engine]:
    url = read_url(database_url)
    try:
        missing = url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()
    except OSError as error:
        raise ConfigurationError(f"Cannot read {shown(url)}: {error.strerror}") from None
    if missing:
        raise ConfigurationError(f"There is no database at {shown(url)}")
    require_tables(url, OPEN_TIMEOUT_S)
    engine = connect(url, patience=OPEN_TIMEOUT_S, writes=False)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _jsonl(path: Path, _: Select[Any], found: Pages) -> int:
    """Write JSON lines, in which ``hops`` is a list of [status, url] and ``links`` a list of URIs."""
    number = 0
    with path.open("w", encoding="utf-8") as file:
        for page in found:
            for row in page:
                record = row._asdict()
                record["hops"] = json.loads(record["hops"])
                record["links"] = json.loads(record["links"]) if record["links"] else None
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
            number += len(page)
    return number


def _csv(path: Path, query: Select[Any], found: Pages, *, raw: bool = False) -> int:
    """Write CSV, in which ``hops`` and ``links`` are JSON text."""
    number = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(query.selected_columns.keys())
        for page in found:
            writer.writerows(page if raw else map(_inert, page))
            number += len(page)
    return number


def _inert(row: Row[Any]) -> list[Any]:
    """Return the cells of a row, with an apostrophe before texts that spreadsheets take for formulas.

    See OWASP's page on CSV injection (owasp.org/www-community/attacks/CSV_Injection).
    """
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell for cell in row]


def _parquet(path: Path, query: Select[Any], found: Pages) -> int:
    """Write Parquet, in which ``hops`` and ``links`` are JSON text."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigurationError("Parquet needs pyarrow: pip install 'pdfspider[parquet]'") from None
    schema = pyarrow.schema([(name, _arrow(column.type)) for name, column in query.selected_columns.items()])
    number = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for page in found:
            columns = zip(*page, strict=True)
            arrays = [pyarrow.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_table(pyarrow.table(arrays, schema=schema))
            number += len(page)
    return number


def _arrow(column: TypeEngine[Any]) -> str:
    if isinstance(column, Boolean):
        return "bool"
    if isinstance(column, BigInteger):
        return "int64"
    if isinstance(column, Integer):
        return "int32"
    return "float64" if isinstance(column, Double) else "string"


FORMATS: dict[str, Format] = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
