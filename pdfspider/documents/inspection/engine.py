"""Read a document with PDFium, within limits, because PDFium can be made to abort or to hang."""

from __future__ import annotations

import ctypes
import os
import re
from contextlib import suppress
from mmap import ACCESS_COPY, mmap
from typing import TYPE_CHECKING, Any

from pypdfium2 import PdfDocument, PdfiumError, raw

from pdfspider.documents.inspection import pages
from pdfspider.documents.inspection.confinement import allow_memory
from pdfspider.documents.inspection.dates import iso_date
from pdfspider.documents.inspection.limits import MAX_MAPPED
from pdfspider.documents.inspection.report import InspectionStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdfspider.documents.inspection.limits import InspectionLimits

HEAD_SIZE = 2048
LINEARIZED = re.compile(rb"/Linearized\b")
METADATA_KEYS = {
    "title": b"Title",
    "author": b"Author",
    "subject": b"Subject",
    "keywords": b"Keywords",
    "creator": b"Creator",
    "producer": b"Producer",
}
MAX_TEXT_LENGTH = 4_096
"""Characters of one text."""
ENCRYPTION_ERRORS = {raw.FPDF_ERR_PASSWORD: "needs a password", raw.FPDF_ERR_SECURITY: "unknown encryption"}


def read(descriptor: int, limits: InspectionLimits) -> Iterator[dict[str, Any]]:
    """Yield the findings about an open file part by part, the cheap and certain ones first.

    The last part has the status. Each part wakes the worker, so there are few. Raises OSError.
    """
    linearized = bool(LINEARIZED.search(os.pread(descriptor, HEAD_SIZE, 0)))
    _forget_last_error()
    try:
        document = PdfDocument(_content(descriptor, limits))
    except PdfiumError as error:
        yield {"linearized": linearized, **_closed(error)}
        return
    with document:
        yield {"linearized": linearized, **_facts(document)}
        yield from _contents(document, limits)


def _forget_last_error() -> None:
    """Set PDFium's last error to one that no document has.

    PDFium sets it only when it cannot read a document, so for one without pages the last document's error would stand.
    """
    raw.FPDF_LoadDocument(b"", None)


def _content(descriptor: int, limits: InspectionLimits) -> Any:
    """Return the file's content for PDFium without a copy, because the process cannot open a file by name."""
    size = os.fstat(descriptor).st_size
    if not 0 < size <= MAX_MAPPED:
        return os.fdopen(descriptor, "rb", closefd=False)
    allow_memory(limits.memory + size)
    return (ctypes.c_char * size).from_buffer(mmap(descriptor, size, access=ACCESS_COPY))


def _closed(error: PdfiumError) -> dict[str, Any]:
    if error.err_code in ENCRYPTION_ERRORS:
        return {
            "status": InspectionStatus.ENCRYPTED.value,
            "reason": ENCRYPTION_ERRORS[error.err_code],
            "encrypted": True,
        }
    reason = "no pages" if error.err_code == raw.FPDF_ERR_FILE else "not readable as a PDF"
    return {"status": InspectionStatus.DAMAGED.value, "reason": reason}


def _facts(document: PdfDocument) -> dict[str, Any]:
    version = document.get_version()
    return {
        "pages": len(document),
        **{name: _meta(document, key) or None for name, key in METADATA_KEYS.items()},
        "created": iso_date(_meta(document, b"CreationDate")),
        "modified": iso_date(_meta(document, b"ModDate")),
        "pdf_version": f"{version // 10}.{version % 10}" if version else None,
        "encrypted": raw.FPDF_GetSecurityHandlerRevision(document) != -1,
        "language": _wide(raw.FPDFCatalog_GetLanguage, document) or None,
        "tagged": bool(raw.FPDFCatalog_IsTagged(document)),
    }


def _contents(document: PdfDocument, limits: InspectionLimits) -> Iterator[dict[str, Any]]:
    try:
        found = pages.sample(document)
    except PdfiumError as error:
        yield {"status": InspectionStatus.DAMAGED.value, "reason": str(error)}
        return
    options = {"text": pages.first_text, "links": pages.links, "thumbnail": pages.thumbnail}
    for name, look in options.items():
        if getattr(limits, name):
            yield found
            with suppress(PdfiumError):
                found = {name: look(document)}
    yield {**found, "status": InspectionStatus.OK.value}


def _meta(document: PdfDocument, key: bytes) -> str:
    return _wide(raw.FPDF_GetMetaText, document, key)


def _wide(function: Any, *arguments: Any) -> str:
    """Return the text that a function of PDFium writes as UTF-16, which may be broken in the document."""
    size = function(*arguments, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    function(*arguments, ctypes.cast(buffer, function.argtypes[-2]), size)
    return buffer.raw[: min(size - 2, 2 * MAX_TEXT_LENGTH)].decode("utf-16-le", "replace").strip()
