"""Real documents, and more than two hundred that are malformed."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pdfspider.documents.inspection.dates import iso_date
from pdfspider.documents.inspection.inspector import Inspector
from pdfspider.documents.inspection.limits import InspectionLimits
from pdfspider.documents.inspection.pool import InspectorPool
from pdfspider.documents.inspection.report import Content, InspectionReport, InspectionStatus
from tests.documents.corpus import AUTHOR, LONG, MADE, NAMES, TITLE, document
from tests.inspection.malformed import malformed, one_page, pdf, stream, traps

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 1.5
SLACK = 300.0
"""Seconds that a busy machine may add."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, InspectionReport]:
    """Return what the inspector says of each document."""
    directory = tmp_path_factory.mktemp("documents")
    inspector = Inspector(InspectionLimits(text=True, links=True, thumbnail=True))
    found = {}
    for name in NAMES:
        path = directory / f"{name}.pdf"
        path.write_bytes(document(name))
        found[name] = inspector.inspect(str(path))
    inspector.close()
    return found


def test_every_document_has_its_status(reports: dict[str, InspectionReport]) -> None:
    others = {name: reports[name].status for name in MADE if reports[name].status is not InspectionStatus.OK}
    assert others == {"needs-password": InspectionStatus.ENCRYPTED, "damaged": InspectionStatus.DAMAGED}
    assert {report.status for report in reports.values()} == {
        InspectionStatus.OK,
        InspectionStatus.ENCRYPTED,
        InspectionStatus.DAMAGED,
    }
    for report in reports.values():
        assert report.status is not InspectionStatus.OK or (report.pages and report.content and report.pdf_version)
        assert report.linearized is not None


def test_what_documents_say_of_themselves(reports: dict[str, InspectionReport]) -> None:
    topology = reports["long"]
    assert (topology.pages, topology.title, topology.author) == (LONG, TITLE, AUTHOR)
    assert (topology.created, topology.modified) == ("2016-12-31T18:43:23+01:00", "2023-06-23T06:39:33+00:00")
    assert (topology.pdf_version, topology.encrypted, topology.linearized) == ("1.5", False, True)
    assert (reports["tagged"].language, reports["tagged"].tagged) == ("en-US", True)
    assert reports["arabic-title"].title == "حبيبي"
    assert reports["new-version"].pdf_version == "2.0"
    text = reports["text"]
    assert text.creator == "anonymous"
    assert text.text
    assert "Lorem ipsum" in text.text
    assert reports["link"].links == ["https://example.org/more.pdf"]
    assert (reports["readable-by-all"].encrypted, reports["readable-by-all"].pages) == (True, 1)
    locked = reports["needs-password"]
    assert (locked.encrypted, locked.pages, locked.reason) == (True, None, "needs a password")


def test_scans_are_told_from_text(reports: dict[str, InspectionReport]) -> None:
    scanned = {name for name in MADE if reports[name].content is Content.SCANNED}
    assert scanned == {name for name in MADE if name.startswith("scan-")}
    assert reports["inline-image"].content is reports["several-pages"].content is Content.TEXT
    assert reports["blank"].content is Content.NONE


def test_thumbnails_are_small_pngs(reports: dict[str, InspectionReport]) -> None:
    for report in reports.values():
        if report.status is InspectionStatus.OK:
            assert report.thumbnail
            assert max(size(report.thumbnail)) == 256


def size(png: bytes) -> tuple[int, int]:
    """Of an image whose every byte is as it should be."""
    assert png[:16] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    (length,) = struct.unpack(">I", png[33:37])
    pixels = zlib.decompress(png[41 : 41 + length])
    assert (depth, colour, len(pixels)) == (8, 2, height * (3 * width + 1))
    assert struct.unpack(">I", png[41 + length : 45 + length])[0] == zlib.crc32(png[37 : 41 + length])
    return width, height


async def test_malformed_documents_harm_nobody(tmp_path: Path) -> None:
    files = malformed(tmp_path)
    assert len(files) > 200
    pool = InspectorPool(2, InspectionLimits(timeout=TIMEOUT, text=True, links=True, thumbnail=True))
    waiting = [*files]
    found: dict[str, InspectionReport] = {}

    async def work() -> None:
        while group := [waiting.pop() for _ in range(min(20, len(waiting)))]:
            results = await pool.inspect([str(files[name]) for name in group])
            waiting.extend(group[len(results) :])
            for name, report in zip(group, results, strict=False):
                assert isinstance(report, InspectionReport)
                found[name] = report

    await asyncio.gather(work(), work())
    await pool.close()
    assert found.keys() == files.keys()
    assert max(report.seconds for report in found.values()) < TIMEOUT + SLACK
    assert Counter(report.status for report in found.values())[InspectionStatus.CRASHED] == 0
    assert found["own-form"].status in {InspectionStatus.TIMEOUT, InspectionStatus.MEMORY}
    assert found["nested-bomb"].status in {InspectionStatus.MEMORY, InspectionStatus.TIMEOUT}
    assert found["no-pages"].status in {InspectionStatus.DAMAGED, InspectionStatus.TIMEOUT}
    huge = found["huge-mediabox"].thumbnail
    assert huge is None or max(size(huge)) <= 256


def test_a_document_without_pages_is_not_judged_by_the_one_before(tmp_path: Path) -> None:
    names = ["needs-password", "no-pages", "damaged", "no-pages"]
    contents = {"no-pages": dict(traps())["no-pages"]}
    inspector = Inspector(InspectionLimits())
    reasons = []
    for name in names:
        path = tmp_path / f"{name}.pdf"
        path.write_bytes(contents.get(name) or document(name))
        reasons.append(inspector.inspect(str(path)).reason)
    inspector.close()
    assert reasons == ["needs a password", "no pages", "not readable as a PDF", "no pages"]


async def test_a_hang_keeps_what_was_known(tmp_path: Path) -> None:
    """The title is read before the pages are."""
    trap = tmp_path / "trap.pdf"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>"
    resources = b"/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>"
    info = b"<</Title(A trap)/CreationDate(D:20200229)>>"
    whole = one_page(resources, stream(b"/F Do " * 50), stream(b"/F Do " * 50, form), info)
    trap.write_bytes(whole.replace(b"/Root", b"/Info 6 0 R/Root"))
    inspector = Inspector(InspectionLimits(timeout=TIMEOUT))
    report = await asyncio.to_thread(inspector.inspect, str(trap))
    inspector.close()
    assert report.status in {InspectionStatus.TIMEOUT, InspectionStatus.MEMORY}
    assert (report.pages, report.title, report.created) == (1, "A trap", "2020-02-29")


def test_texts_that_are_broken_or_endless(tmp_path: Path) -> None:
    odd = tmp_path / "odd.pdf"
    info = b"<</Title<FEFFD800>/Author(" + b"x" * 100_000 + b")/CreationDate(yesterday)>>"
    whole = pdf(
        b"<</Type/Catalog/Pages 2 0 R/Lang(de)>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        info,
        trailer=b"/Info 4 0 R",
    )
    odd.write_bytes(whole)
    inspector = Inspector(InspectionLimits())
    report = inspector.inspect(str(odd))
    inspector.close()
    assert (report.status, report.content, report.language, report.created) == (
        InspectionStatus.OK,
        Content.NONE,
        "de",
        None,
    )
    assert report.title in {"\ufffd", None}
    assert report.author == "x" * 4096


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("D:20200102030405+01'00'", "2020-01-02T03:04:05+01:00"),
        ("D:20200102030405+01'00", "2020-01-02T03:04:05+01:00"),
        ("D:20200102030405-0530", "2020-01-02T03:04:05-05:30"),
        ("D:20200102030405Z", "2020-01-02T03:04:05+00:00"),
        ("D:20200102030405Z00'00'", "2020-01-02T03:04:05+00:00"),
        ("D:20200102030405+99'00'", "2020-01-02T03:04:05"),
        ("20200102030405", "2020-01-02T03:04:05"),
        ("D:202001020304", "2020-01-02T03:04"),
        ("D:20200102", "2020-01-02"),
        ("D:202001", "2020-01"),
        ("D:2020", "2020"),
        ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05Z"),
        ("D:20201332", None),
        ("D:202013", None),
        ("Thu Jan 2 2020", None),
        ("", None),
    ],
)
def test_dates(text: str, iso: str | None) -> None:
    assert iso_date(text) == iso
