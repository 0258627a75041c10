"""Read a response: its first KiB decides whether it is streamed to staging, read within bounds, or dropped."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from pdfspider.crawl.fetch.bodies.body_stream import BodyStream, PrefixedChunks, read_at_least, read_to_file
from pdfspider.crawl.fetch.bodies.content_encoding import GZIP_START, Decoded, decoded
from pdfspider.crawl.fetch.bodies.partial_download import DownloadInterrupted, PartialDownload
from pdfspider.crawl.fetch.bodies.ranges import says_parts, strong_validator, total_of
from pdfspider.crawl.fetch.errors import BodyBroken, BodyStalled, DownloadStopped, FetchError, ReleaseRequested
from pdfspider.crawl.fetch.redirects import has_content
from pdfspider.crawl.fetch.responses import StagedResponse, is_asked_for
from pdfspider.crawl.visit import visit_of
from pdfspider.discovery.listings.lists import is_list
from pdfspider.discovery.rules import says_pdf
from pdfspider.documents.errors import StagingBusy, StagingError
from pdfspider.documents.head import HEAD_SIZE, Kind, is_doubtful, sniff
from pdfspider.documents.tail import END_MISSING, has_trailer, judge_end
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from scrapy import Request

    from pdfspider.config import Config
    from pdfspider.crawl.fetch.bodies.body_stream import ByteCount, Chunks
    from pdfspider.crawl.fetch.bodies.storage import StorageState
    from pdfspider.crawl.fetch.client.transfer import Transfer
    from pdfspider.crawl.fetch.download_signals import DownloadSignals
    from pdfspider.documents.inspection.opener import OpenTester
    from pdfspider.documents.staging import StagedBody, StagedFile, Staging
    from pdfspider.exceptions import PdfSpiderError
    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.leases import Lease

_PAGE_END = re.compile(
    rb"</(?:html|urlset|sitemapindex|rss|feed|(?:\w+:)?rdf|oai-pmh)\s*>[\s\0]*\Z", re.IGNORECASE
).search
_END_SIZE = 256
MAX_SIZE_IN_MEMORY = 256 * 1024
"""Bytes of a page that are kept in memory while it is received; a larger one goes to a file."""


class BodyStart(NamedTuple):
    """The beginning of a body, a KiB or all of it, and its type.

    ``chunks`` are the rest; ``broken`` is the error that broke the connection.
    """

    chunks: Chunks
    body: bytes
    broken: Exception | None
    kind: Kind
    encoded: bool


class ResponseReader:
    """Reads responses for one worker."""

    def __init__(
        self,
        config: Config,
        *,
        staging: Staging,
        storage: StorageState,
        opener: OpenTester,
        signals: DownloadSignals,
        received: ByteCount,
    ) -> None:
        self._config, self._staging, self._storage, self._opener = config, staging, storage, opener
        self._signals, self._received = signals, received

    async def read(
        self,
        response: Transfer,
        url: str,
        request: Request,
        *,
        in_parts: bool = True,
        ended: tuple[int, bytes] | None = None,
    ) -> StagedResponse:
        """Read a response.

        Raises FetchError, and DownloadInterrupted, whose staged file the caller has to handle. With ``in_parts`` false
        the server is known to send everything or nothing, and DownloadInterrupted is not raised.
        """
        visit = visit_of(request)
        opening = await self._open(response, url, request, visit.lease.entry)
        if opening.kind is Kind.PDF and has_content(response) and not visit.body_limit:
            total = None if opening.encoded else total_of(response)
            if self._storage.is_closed:
                raise ReleaseRequested("the document store takes no documents")
            file, received = self._staging.new(visit.lease), response.headers
            about = url, response.status, received, request, file
            is_measured = response.is_measured
            partial = PartialDownload(*about, total, opening.encoded, is_measured, in_parts, ended)
            return await self._read_document(partial, PrefixedChunks(opening.body, opening.chunks))
        is_read = opening.kind is Kind.HTML or is_asked_for(request)
        limit = visit.body_limit or (self._config.page_limit if is_read else HEAD_SIZE)
        return await self._read_page(response, url, request, opening, limit)

    async def read_page(self, response: Transfer, url: str, request: Request) -> StagedResponse:
        """Read the beginning of a page, as much as is kept in memory. Raises FetchError."""
        opening = await self._open(response, url, request, visit_of(request).lease.entry)
        return await self._read_page(response, url, request, opening, MAX_SIZE_IN_MEMORY - 1)

    async def _open(self, response: Transfer, url: str, request: Request, entry: Entry | None) -> BodyStart:
        """Read the first KiB, decoded."""
        bound, declared = self._config.max_inflation, response.headers.get("Content-Type")
        chunks = self._arriving(response, request)
        encoding = response.headers.get("Content-Encoding")
        if encoding:
            chunks = await decoded(chunks, encoding, max_inflation=bound)
        body, broken = await read_at_least(chunks, HEAD_SIZE, b"")
        kind = sniff(body[:HEAD_SIZE], declared)
        if kind is Kind.OTHER and body.startswith(GZIP_START) and _may_be_compressed_pdf(url, declared):
            inside = Decoded(PrefixedChunks(body, chunks), "gzip", max_inflation=bound)
            body, broken = await read_at_least(inside, HEAD_SIZE, b"")
            kind = Kind.PDF if sniff(body[:HEAD_SIZE]) is Kind.PDF else Kind.OTHER
            return BodyStart(inside, body, broken, kind, encoded=True)
        if kind is Kind.OTHER and entry and is_list(body[:HEAD_SIZE], declared, entry.technique):
            kind = Kind.HTML
        return BodyStart(chunks, body, broken, kind, isinstance(chunks, Decoded))

    async def _read_page(
        self, response: Transfer, url: str, request: Request, opening: BodyStart, limit: int
    ) -> StagedResponse:
        _, body, broken, kind, _ = opening
        file, flags = None, None
        if has_content(response):
            if limit > HEAD_SIZE and not broken:
                body, broken = await read_at_least(opening.chunks, min(limit, MAX_SIZE_IN_MEMORY), body)
            if MAX_SIZE_IN_MEMORY <= len(body) < limit and not broken:
                file, broken = await self._read_to_file(request, opening.chunks, limit, body)
                body = file.content or b""
            if isinstance(broken, DownloadStopped) and not broken.fail:
                broken, flags, kind = None, ["download_stopped"], kind if body else Kind.OTHER
            if broken and _PAGE_END((file.tail if file else body)[-_END_SIZE:]):
                broken = None
            if broken and (kind is not Kind.HTML or isinstance(broken, BodyStalled | DownloadStopped)):
                raise broken
        return StagedResponse(
            url,
            status=response.status,
            body=body[:limit],
            flags=flags,
            request=request,
            received=response.headers,
            kind=kind,
            flaw=_reason(broken) if broken else None,
            file=file if file and file.content is None else None,
        )

    async def _read_to_file(
        self, request: Request, chunks: Chunks, limit: int, begun: bytes
    ) -> tuple[StagedBody, Exception | None]:
        lease = visit_of(request).lease
        file = self._staging.new(lease)
        try:
            return await read_to_file(chunks, file, limit, begun)
        except StagingBusy as error:
            raise ReleaseRequested(str(error), delay=self._config.retry_delay) from error
        except StagingError as error:
            raise await self._judge(error, file, limit, lease) from error
        except BaseException:
            file.abandon()
            raise

    async def _read_document(self, partial: PartialDownload, chunks: Chunks) -> StagedResponse:
        if partial.status == 206 and partial.total is None and says_parts(partial.received):
            return partial.response("a part came that was not asked for")
        self._check_size(partial.total or 0)
        self._storage.check_size(partial.total or 0)
        return await self._receive(partial, chunks)

    async def go_on(self, response: Transfer, partial: PartialDownload) -> StagedResponse:
        """Read the rest of a document, or drop what came if the response is not the rest.

        Raises as ``read`` does.
        """
        if response.status == 206 and partial.is_continued_by(response.headers):
            return await self._receive(partial, self._arriving(response, partial.request))
        if response.status == 416 and partial.is_ended_by(response.headers):
            return await self._finish(partial, measured=True)
        begun = partial.file.size
        partial.begin_anew(self._staging.new(visit_of(partial.request).lease))
        if response.status in (206, 416):
            raise DownloadInterrupted(partial, "the document has changed")
        in_parts = not begun or strong_validator(response.headers) != strong_validator(partial.received)
        return await self.read(response, partial.url, partial.request, in_parts=in_parts, ended=partial.ended)

    def _arriving(self, response: Transfer, request: Request) -> Chunks:
        config = self._config
        stopped = self._signals.headers(request, response.headers)
        body = BodyStream(response, idle_timeout=config.idle_timeout, minimum_rate=config.minimum_rate)
        return self._signals.chunks(request, body, stopped)

    async def _receive(self, partial: PartialDownload, chunks: Chunks) -> StagedResponse:
        file, received, limit = partial.file, self._received, self._config.document_limit
        broken: Exception | None = None
        try:
            try:
                while chunk := await chunks.next():
                    await file.write(chunk)
                    received.total += len(chunk)
                    if limit:
                        self._check_size(file.size)
            except DownloadStopped:
                raise
            except BodyBroken as error:
                broken = error
            if flaw := await _shortfall(partial, broken):
                return await self._interrupted(partial, flaw, broken)
            return await self._finish(partial, measured=partial.is_measured and broken is None)
        except DownloadInterrupted:
            raise
        except StagingBusy as error:
            raise ReleaseRequested(str(error), delay=self._config.retry_delay) from error
        except StagingError as error:
            size, lease = max(file.size, partial.total or 0), visit_of(partial.request).lease
            raise await self._judge(error, file, size, lease) from error
        except BaseException:
            file.abandon()
            raise

    async def _judge(self, error: StagingError, file: StagedFile, size: int, lease: Lease) -> PdfSpiderError:
        """Return the error for what could not be staged, after its file is removed."""
        with suppress(StagingError):
            await file.discard()
        found = await self._storage.judge(error, size, lease)
        return FetchError(Outcome.STORE_ERROR, str(error)) if found is error else found

    def _check_size(self, size: int) -> None:
        limit = self._config.document_limit
        if limit and size > limit:
            raise FetchError(Outcome.TOO_LARGE, f"more than {limit} bytes")

    async def _interrupted(self, partial: PartialDownload, flaw: str, error: Exception | None) -> StagedResponse:
        """Return the document if it is whole, else give it up or have it resumed.

        It is whole if it ended in the same place before and has the end of a PDF there. Raises DownloadInterrupted,
        after which the download is resumed.
        """
        before, partial.ended = partial.ended, None
        if await partial.file.is_whole():
            partial.ended = partial.end()
            if partial.ended == before:
                return await self._finish(partial)
        if self._config.resumes and (partial.range_headers() or (partial.ended and not before)):
            raise DownloadInterrupted(partial, flaw, error)
        return self.give_up(DownloadInterrupted(partial, flaw, error))

    def give_up(self, interrupted: DownloadInterrupted) -> StagedResponse:
        """Return the response of a document that did not come whole. Raises BodyStalled where it stopped coming."""
        interrupted.partial.file.abandon()
        if isinstance(interrupted.error, BodyStalled):
            raise interrupted.error
        return interrupted.partial.response(interrupted.flaw)

    async def _finish(self, partial: PartialDownload, *, measured: bool = False) -> StagedResponse:
        """Judge a document of which all has come; with ``measured``, by what HTTP says."""
        file, total = partial.file, partial.total
        flaw = judge_end(file.head, file.size, whole=await file.is_whole())
        finished = await file.finish()
        if total is not None and finished.size > total and not partial.ended:
            flaw = f"{finished.size} bytes came instead of {total}"
        declared, kind = partial.received.get("Content-Type"), Kind.PDF
        if flaw == END_MISSING and measured and has_trailer(finished.tail) and await self._opener.opens(finished):
            flaw = judge_end(finished.head, finished.size, whole=True)
        elif is_doubtful(finished.head, declared) and (measured or not flaw):
            kind = Kind.PDF if not flaw and await self._opener.opens(finished) else Kind.OTHER
        if flaw or kind is not Kind.PDF:
            file.abandon()
            return partial.response(flaw, kind=kind)
        return partial.response(None, finished)


def _may_be_compressed_pdf(url: str, content_type: str | None) -> bool:
    """Return whether gzip may be an undeclared encoding, and not the published file itself."""
    path = url.partition("?")[0].lower()
    return not path.endswith((".gz", ".tgz")) and (says_pdf(url) or "pdf" in (content_type or "").lower())


async def _shortfall(partial: PartialDownload, broken: Exception | None) -> str | None:
    """Return what is missing according to HTTP, or else according to the document's end."""
    file = partial.file
    if not partial.is_measured and not partial.encoded:
        flaw = judge_end(file.head, file.size, whole=await file.is_whole())
        return flaw and (_reason(broken) if broken else flaw)
    if broken is not None:
        return _reason(broken)
    if partial.total is not None:
        return f"{file.size} of {partial.total} bytes came" if file.size < partial.total else None
    return None


def _reason(broken: Exception) -> str:
    return str(broken) if isinstance(broken, BodyStalled) else f"the connection broke: {broken}"
