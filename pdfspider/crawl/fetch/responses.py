"""The response to a fetch, with its recognised type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.http import Headers, HtmlResponse, Response, TextResponse
from scrapy.responsetypes import responsetypes
from scrapy.selector import SelectorList

from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.crawl.visit import lease_of
from pdfspider.documents.head import HEAD_SIZE, Kind
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from multidict import CIMultiDictProxy
    from scrapy import Request

    from pdfspider.crawl.extract.link_extraction import ExtractedLinks
    from pdfspider.crawl.fetch.cookies import Cookies
    from pdfspider.documents.staging import StagedBody
    from pdfspider.items import Hop


TEXT_KINDS = (Kind.HTML, Kind.EMPTY)


class StagedResponse(Response):
    """A response with the type that its first KiB shows.

    ``kind`` is the type. A PDF is in ``staged``; its ``body`` is only its first KiB if it is large. The ``body`` of a
    page is bounded. Of anything else only the head was read. ``received`` are the headers as they came. ``hops`` are
    the redirects within the origin that led here, ``cookies`` the cookies that they set. ``flaw`` tells what is wrong
    with an incomplete PDF or page; ``size`` is how much of a PDF came. A large page is in ``file`` until ``load`` is
    called, or ``body`` is asked for.
    """

    attributes: tuple[str, ...] = (
        *Response.attributes,
        "received",
        "kind",
        "staged",
        "size",
        "hops",
        "cookies",
        "flaw",
    )

    request: Request
    extracted: ExtractedLinks | None = None
    """The links of a page, if they were extracted before the callback."""

    def __new__(cls, *args: Any, kind: Kind = Kind.OTHER, request: Request | None = None, **kwargs: Any) -> Any:
        """Return a response with selectors for a page, and for text that the spider asked for."""
        made: type[StagedResponse] = StagedFileResponse if cls is StagedResponse else cls
        if kind in TEXT_KINDS:
            made = StagedPage
        elif kind is Kind.OTHER and is_asked_for(request) and _is_text(*args, **kwargs):
            made = StagedText
        return super().__new__(made)

    def __init__(
        self,
        *args: Any,
        received: CIMultiDictProxy[str],
        kind: Kind = Kind.OTHER,
        staged: StagedBody | None = None,
        size: int | None = None,
        hops: tuple[Hop, ...] = (),
        cookies: Cookies | None = None,
        flaw: str | None = None,
        file: StagedBody | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.received = received
        self.kind = kind
        self.staged = staged
        if staged is not None and not self._body:
            self._set_body(staged.content or staged.head)
        self.size = size
        self.hops = hops
        self.cookies = cookies
        self.flaw = flaw
        self.file = file

    @property
    def body(self) -> bytes:
        """The body of a page.

        Raises FetchError if its file cannot be read.
        """
        if self.file is not None and not self._body:
            self.load()
        return self._body

    @property
    def body_size(self) -> int:
        """The bytes of the body, which is not loaded for that."""
        return self.file.size if self.file is not None and not self._body else len(self._body)

    def load(self) -> None:
        """Read a large page into memory, which blocks.

        Raises FetchError.
        """
        if self.file is None or self._body:
            return
        self._body = _read(self.file.path)

    def to_dict(self) -> dict[str, Any]:
        """Return what Scrapy's response with this body would, for caches: how it was judged is no part of it."""
        kind = responsetypes.from_args(self.headers, self.url, body=self.body)
        plain = kind(self.url, self.status, self.headers, self.body, list(self.flags))
        return dict(plain.to_dict())

    def load_whole(self, most: int) -> bool:
        """Read the whole body into memory, which blocks.

        Return False where it has more than ``most`` bytes, or where not all of it was read. Raises FetchError.
        """
        if self.kind is Kind.OTHER:
            return is_asked_for(self.request) or len(self._body) < HEAD_SIZE
        whole = self.staged if self.kind is Kind.PDF else self.file
        if self.flaw or (whole.size if whole else len(self._body)) > most:
            return False
        if whole and self.kind is Kind.PDF:
            self._body = whole.content or _read(whole.path)
        self.load()
        return bool(whole) or self.kind is not Kind.PDF

    @property
    def headers(self) -> Headers:
        """Scrapy's form of the headers, made when somebody asks for it; without the encoding that has been undone."""
        if self._headers is None:
            self._headers = Headers(list(self.received.items()))
            self._headers.pop(b"Content-Encoding", None)
        return self._headers

    @headers.setter
    def headers(self, value: Any) -> None:
        self._headers = None if value is None else Headers(value)

    def header(self, name: str) -> str | None:
        """Return a header as it was received, if it is there and not empty."""
        return self.received.get(name) or None


class StagedFileResponse(StagedResponse):
    """A document, or anything else without markup: its selectors find nothing, for callbacks that look for links."""

    def css(self, *args: Any, **kwargs: Any) -> SelectorList:
        """Return no selectors."""
        return SelectorList()

    xpath = css

    def follow_all(self, urls: Any = (), *args: Any, css: Any = None, xpath: Any = None, **kwargs: Any) -> Any:
        """Return a request for each of some URLs."""
        return super().follow_all(urls or (), *args, **kwargs)


class StagedText(StagedResponse, TextResponse):
    """Text that a request of the spider brought, JSON for instance."""

    attributes: tuple[str, ...] = (*StagedResponse.attributes, "encoding")


class StagedPage(StagedResponse, HtmlResponse):
    """A page, with the selectors of Scrapy's HtmlResponse."""

    attributes: tuple[str, ...] = (*StagedResponse.attributes, "encoding")


def _read(staged: Path) -> bytes:
    try:
        return staged.read_bytes()
    except OSError as error:
        raise FetchError(Outcome.STORE_ERROR, f"its body cannot be read from staging: {error}") from error


def is_asked_for(request: Request | None) -> bool:
    """Return whether a subclass of the spider asked for it by a request of its own."""
    lease = lease_of(request)
    return bool(lease and lease.entry and lease.entry.request)


def _is_text(url: str, *, received: CIMultiDictProxy[str], body: bytes = b"", **kwargs: Any) -> bool:
    return issubclass(responsetypes.from_args(Headers(list(received.items())), url, body=body), TextResponse)
