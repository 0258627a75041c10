from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdfspider.documents.head import HEAD_SIZE, Kind, is_doubtful, sniff

from .corpus import NAMES, document

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
PAGE = b"<html><head><title>A PDF begins with %PDF-1.4</title></head>"
TYPES = [None, "text/html", "TEXT/HTML; charset=utf-8", "application/pdf", "application/octet-stream", "nonsense"]


@pytest.mark.parametrize("before", [b"<html><body>Notice: x</body></html>\n", b"<!-- served by x -->\r\n"])
def test_markup_before_a_declared_pdf_is_what_a_program_has_reported(before: bytes) -> None:
    assert sniff(before + PDF, "application/pdf") is Kind.PDF
    assert is_doubtful(before + PDF, "application/pdf"), "and PDFium decides"
    assert {sniff(before + PDF, kind) for kind in TYPES if kind != "application/pdf"} == {Kind.HTML}
    assert sniff(PAGE, "application/pdf") is Kind.HTML


@pytest.mark.parametrize("content_type", ["text/xml; charset=utf-8", "application/xml", "application/atom+xml"])
def test_declared_xml_needs_no_prologue(content_type: str) -> None:
    assert sniff(b"<files><file href='a.pdf'/></files>", content_type) is Kind.HTML
    assert sniff(b"PK\3\4", "application/vnd.x+xml") is Kind.OTHER


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content_type", TYPES)
def test_every_pdf_is_one(name: str, content_type: str | None) -> None:
    assert sniff(document(name)[:HEAD_SIZE], content_type) is Kind.PDF


@pytest.mark.parametrize(
    "head",
    [
        PDF,
        b"\xef\xbb\xbf" + PDF,
        b"\r\n\r\n  " + PDF,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n" + PDF,
        b"\0" * 500 + PDF,
        b"x" * (HEAD_SIZE - 5) + b"%PDF-",
        b"<br />\n<b>Warning</b>: Undefined index in <b>/srv/get.php</b> on line <b>3</b><br />\n" + PDF,
        b"%PDF-",
        b"%PDF-garbage",
    ],
)
@pytest.mark.parametrize("content_type", TYPES)
def test_pdf(head: bytes, content_type: str | None) -> None:
    assert sniff(head, content_type) is Kind.PDF


@pytest.mark.parametrize(
    "head",
    [
        PAGE,
        PAGE.upper(),
        b"\xef\xbb\xbf\n\t " + PAGE,
        b"<!DOCTYPE html>" + PAGE,
        b'<!doctype HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">' + PAGE,
        b'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n' + PAGE,
        b"<html\nlang=en>" + PDF,
        b"<head>\n%PDF-1.4",
        b"<script>window.location='%PDF-1.4'</script>",
        b"<title>%PDF-1.4</title>",
        b"<p>A PDF begins with %PDF-1.4, then a line end.</p>",
        b"<div>x</div>",
        b"<a href=x>",
        b"<meta http-equiv=refresh content='0;url=x.pdf'>",
        PAGE.decode().encode("utf-16"),
        b"\xfe\xff" + PAGE.decode().encode("utf-16-be"),
        b"\xff\xfe" + ("\n" + PAGE.decode()).encode("utf-16-le")[:-1],
        PAGE.decode().encode("utf-16-le"),
        PAGE.decode().encode("utf-16-be"),
    ],
)
@pytest.mark.parametrize("content_type", TYPES)
def test_html(head: bytes, content_type: str | None) -> None:
    assert sniff(head, content_type) is Kind.HTML


@pytest.mark.parametrize("head", [b"See https://example.com/a.pdf", b"\xff\xfe" + "words".encode("utf-16-le"), b" \n"])
def test_of_text_without_tags_the_declared_type_decides(head: bytes) -> None:
    assert sniff(head) is Kind.OTHER
    assert sniff(head, "text/plain") is Kind.OTHER
    assert sniff(head, "application/pdf") is Kind.OTHER
    assert sniff(head, "text/html;charset=latin-1") is Kind.HTML
    assert sniff(head, "application/xhtml+xml") is Kind.HTML


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.pdf", PDF)
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("a.pdf")
        entry.size = len(PDF)
        archive.addfile(entry, io.BytesIO(PDF))
    return file.getvalue()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(gzip.compress(PDF, compresslevel=0), id="stored gzip"),
        pytest.param(gzip.compress(PDF), id="gzip"),
        pytest.param(_zip(), id="zip"),
        pytest.param(_tar(), id="tar"),
        b"WARC/1.0\r\nWARC-Type: resource\r\n\r\n" + PDF,
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"%PD",
        b"x" * (HEAD_SIZE - 4) + b"%PDF-1.4\n",
        b"\xff\xfe" + "%PDF-1.4".encode("utf-16-le"),
        b"\0\1\2\3",
    ],
)
@pytest.mark.parametrize("content_type", [None, "application/pdf"])
def test_other(head: bytes, content_type: str | None) -> None:
    assert sniff(head, content_type) is Kind.OTHER


def test_binary_is_no_page_whatever_is_declared() -> None:
    assert sniff(b"PK\x03\x04\x14\0\0\0", "text/html") is Kind.OTHER


@pytest.mark.parametrize(
    "head",
    [
        b"Index\0 of files\x1a <a href=x.pdf>file</a>",
        b"\x0cBM is a company" + b"\0" * 600,
        "Übersicht der Dateien".encode("utf-16-le"),
    ],
)
def test_what_is_declared_as_a_page_is_one_whatever_control_characters_it_has(head: bytes) -> None:
    assert sniff(head, "text/html; charset=utf-16le") is Kind.HTML
    assert sniff(head, "text/plain") is Kind.OTHER


@pytest.mark.parametrize(
    "signature", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"MZ\x90\0", b"\0\0\0\x18ftypmp42", b"\x1f\x8b\x08"]
)
def test_known_binaries_are_no_pages(signature: bytes) -> None:
    assert sniff(signature + b"\0 some text", "text/html") is Kind.OTHER
    assert sniff(bytes(range(256)) * 4, "text/html") is Kind.OTHER


def test_what_is_declared_as_text_and_begins_otherwise_is_doubtful() -> None:
    script = b"function write(out) { out.push('%PDF-1.3') }"
    assert sniff(script, "text/javascript") is Kind.PDF
    assert is_doubtful(script, "text/javascript; charset=utf-8")
    assert is_doubtful(script, "application/x-javascript")
    assert not is_doubtful(script, "application/octet-stream")
    assert not is_doubtful(script, None)
    assert not is_doubtful(PDF, "text/plain")


@pytest.mark.parametrize("content_type", TYPES)
def test_empty(content_type: str | None) -> None:
    assert sniff(b"", content_type) is Kind.EMPTY


@given(st.binary(max_size=2 * HEAD_SIZE), st.none() | st.text() | st.sampled_from(TYPES))
def test_any_bytes_have_a_kind(head: bytes, content_type: str | None) -> None:
    kind = sniff(head, content_type)
    assert kind is sniff(head[:HEAD_SIZE], content_type)
    assert (kind is Kind.PDF) <= (b"%PDF-" in head[:HEAD_SIZE])


@given(
    st.binary(max_size=HEAD_SIZE), st.sampled_from([PDF, PAGE]), st.sampled_from([b"", b"\xff\xfe", b"\xfe\xff", b"\n"])
)
def test_any_bytes_around_known_ones_have_a_kind(junk: bytes, known: bytes, mark: bytes) -> None:
    sniff(mark + junk + known)
    assert sniff(known + junk) is (Kind.PDF if known is PDF else Kind.HTML)
