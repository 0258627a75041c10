"""Partial downloads: the part of a document that has arrived, and whether a response is its rest."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from pdfspider.crawl.fetch.bodies.ranges import part_of, strong_validator
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.documents.head import Kind

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy
    from scrapy import Request

    from pdfspider.documents.staging import StagedBody, StagedFile


@dataclass(slots=True, eq=False)
class PartialDownload:
    """A document as far as it has arrived, with URL, status and headers of its first response.

    ``total`` is its size in bytes if that is known. ``encoded`` says whether a content encoding is decoded.
    ``is_measured`` says whether HTTP tells where it ends; otherwise it ends with its connection. ``in_parts`` says
    whether the server may send a part of it.
    """

    url: str
    status: int
    received: CIMultiDictProxy[str]
    request: Request
    file: StagedFile
    total: int | None
    encoded: bool
    is_measured: bool
    in_parts: bool = True
    ended: tuple[int, bytes] | None = None
    """Its previous end, if the document was complete there although the server had declared more."""

    def end(self) -> tuple[int, bytes]:
        """Return its present end, to compare it with the previous one."""
        return self.file.size, sha256(self.file.tail).digest()

    def response(self, flaw: str | None, staged: StagedBody | None = None, kind: Kind = Kind.PDF) -> StagedResponse:
        """Return the response for the document."""
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
        """Return the headers that ask for the rest, None if nothing would prove that it belongs here."""
        if self.encoded or not self.in_parts or self.received.get("Accept-Ranges", "").strip().lower() == "none":
            return None
        validator = strong_validator(self.received)
        return {"Range": f"bytes={self.file.size}-", "If-Range": validator} if validator else None

    def begin_anew(self, file: StagedFile) -> None:
        """Discard the file, and begin with a new one."""
        self.file.abandon()
        self.file, self.total = file, None

    def is_continued_by(self, received: CIMultiDictProxy[str]) -> bool:
        """Return whether a 206 with these headers is the rest of this document, or its beginning."""
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
        """Return whether a 416 with these headers says that the document is complete."""
        part = part_of(received)
        return part is not None and part.total == self.file.size


class DownloadInterrupted(Exception):
    """The connection broke, and the rest of the document may be requested."""

    def __init__(self, partial: PartialDownload, flaw: str, error: Exception | None = None) -> None:
        super().__init__(flaw)
        self.partial, self.flaw, self.error = partial, flaw, error
