"""Documents on their way: what has come of one, and whether an answer is the rest of it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from pdfspider.crawl.fetch.ranges import part_of, strong_validator
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.documents.head import Kind

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy
    from scrapy import Request

    from pdfspider.documents.staging import Finished, StagedFile


@dataclass(slots=True, eq=False)
class PartialDownload:
    """A document as far as it has come, with the URL, status and headers of the answer that it began with.

    ``total`` is its size in bytes where that was said, ``encoded`` whether a content encoding is being undone,
    ``in_parts`` whether the server may send a part of it.
    """

    url: str
    status: int
    received: CIMultiDictProxy[str]
    request: Request
    file: StagedFile
    total: int | None
    encoded: bool
    in_parts: bool = True
    ended: tuple[int, bytes] | None = None
    """Where it ended before, if it had the end of a PDF there although more should have come."""

    @property
    def is_measured(self) -> bool:
        """Whether HTTP says where it ends; otherwise it ends with its connection."""
        return "Content-Length" in self.received or "Transfer-Encoding" in self.received

    def end(self) -> tuple[int, bytes]:
        """Return where it ends by now, for a comparison with where it ended before."""
        return self.file.size, sha256(self.file.tail).digest()

    def response(self, flaw: str | None, staged: Finished | None = None, kind: Kind = Kind.PDF) -> StagedResponse:
        """Return the response with a document, or with what is wrong with it, or of what is none after all."""
        return StagedResponse(
            self.url,
            status=self.status,
            request=self.request,
            received=self.received,
            kind=kind,
            staged=staged,
            size=self.file.size,
            flaw=flaw,
        )

    def range_headers(self) -> dict[str, str] | None:
        """How to ask for the rest; None where nothing would prove that it belongs to what is here."""
        if self.encoded or not self.in_parts or self.received.get("Accept-Ranges", "").strip().lower() == "none":
            return None
        validator = strong_validator(self.received)
        return {"Range": f"bytes={self.file.size}-", "If-Range": validator} if validator else None

    def begin_anew(self, file: StagedFile) -> None:
        self.file.abandon()
        self.file, self.total = file, None

    def is_continued_by(self, received: CIMultiDictProxy[str]) -> bool:
        """Whether a 206 with these headers is the rest of this document, or the beginning of it."""
        part = part_of(received)
        if (
            part is None
            or part.first != self.file.size
            or received.get("Content-Encoding") != self.received.get("Content-Encoding")
        ):
            return False
        if self.total is None:
            self.total = part.total
        return part.total in (None, self.total) and self._is_the_same(received)

    def _is_the_same(self, received: CIMultiDictProxy[str]) -> bool:
        tag = self.received.get("ETag", "")
        if tag.startswith('"'):
            return received.get("ETag") == tag
        return received.get("Last-Modified") in (None, self.received["Last-Modified"])

    def is_ended_by(self, received: CIMultiDictProxy[str]) -> bool:
        """Whether a 416 with these headers says that this is all."""
        part = part_of(received)
        return part is not None and part.total == self.file.size


class DownloadInterrupted(Exception):
    """A document did not come to its end, and the rest of it, or all of it once more, may be asked for.

    ``error`` is what ended it, if that was neither the server nor what it said.
    """

    def __init__(self, partial: PartialDownload, flaw: str, error: Exception | None = None) -> None:
        super().__init__(flaw)
        self.partial, self.flaw, self.error = partial, flaw, error
