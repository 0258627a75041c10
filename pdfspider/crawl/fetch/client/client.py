"""Send requests by libcurl, on the event loop."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pycurl

from pdfspider.crawl.fetch.client.multi import Multi
from pdfspider.crawl.fetch.client.transfer import BUFFER_SIZE, Transfer
from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.crawl.fetch.ssrf_guard import open_socket
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pdfspider.crawl.fetch.client.options import Option
    from pdfspider.crawl.fetch.request_start import RequestStart

MAX_IDLE_CONNECTIONS = 256
"""Connections that are kept for further requests."""
MAX_IDLE_HANDLES = 128
"""Handles that are kept for further requests."""
DNS_CACHE_S = 300
SUPPRESS_CONNECT_HEADERS = 265
"""An option that pycurl has no name for: no heads of proxies among those of servers."""
CURL_OPTIONS: tuple[Option, ...] = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.BUFFERSIZE, BUFFER_SIZE),
    (pycurl.DNS_CACHE_TIMEOUT, DNS_CACHE_S),
    (pycurl.FOLLOWLOCATION, 0),
    (pycurl.HTTP_CONTENT_DECODING, 0),
    (pycurl.PATH_AS_IS, 1),
    (pycurl.PROXY, ""),  # none but those that a request names
    (pycurl.NOPROXY, ""),
    (SUPPRESS_CONNECT_HEADERS, 1),
)
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
"""Methods that have a body, if an empty one."""
OMITTED_HEADERS = {"Expect": b"Expect:", "Content-Type": b"Content-Type:"}
"""The lines by which libcurl leaves out headers that it would add to a request with a body."""
_LOWER_CASE = re.compile("%[0-9A-F]?[a-f]").search
"""An escape that libcurl would spell otherwise."""
_BREAKS = re.compile(r"[\r\n\0]").search


@dataclass(slots=True)
class ClientRequest:
    """A request to be sent: ``headers`` are added to the client's, ``options`` are further ones of libcurl."""

    url: str
    headers: Mapping[str, str] | None = None
    method: str = "GET"
    body: bytes = b""
    options: tuple[Option, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Return whether it needs no options of its own, so that the handle can send others afterwards."""
        return self.method == "GET" and not (self.body or self.options or _LOWER_CASE(self.url))

    def own_options(self) -> Iterable[Option]:
        """Return the options of this request alone."""
        yield from self.options
        if _LOWER_CASE(self.url):
            yield pycurl.REQUEST_TARGET, self._target()
        if self.method == "HEAD":
            yield pycurl.NOBODY, 1
        elif self.body or self.method in BODY_METHODS:
            yield pycurl.POSTFIELDS, self.body
        if self.method != "HEAD" and (self.method != "GET" or self.body):
            yield pycurl.CUSTOMREQUEST, self.method

    def _target(self) -> str:
        """Return what the request line names: the whole URL for a proxy that is asked for it, else path and query."""
        rest = self.url.partition("://")[2]
        by_proxy = any(option == pycurl.HTTPPROXYTUNNEL and not value for option, value in self.options)
        return self.url if by_proxy else f"/{rest.partition('/')[2]}"


@dataclass(slots=True)
class Handle:
    """A handle of libcurl, with the headers that it sends besides the client's."""

    curl: Any
    headers: Mapping[str, str] | None = None


@dataclass(slots=True)
class Client:
    """Sends requests, and keeps connections and handles for further ones.

    ``headers`` are sent with all requests, ``options`` are set on all handles. At most ``connections`` are kept.
    """

    headers: Mapping[str, str]
    options: tuple[Option, ...]
    connections: int = MAX_IDLE_CONNECTIONS
    _multi: Multi = field(init=False)
    _lines: dict[str, bytes] = field(init=False, default_factory=dict)
    """The headers of all requests, as libcurl takes them."""
    _spare: list[Handle] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._multi = Multi(self.connections)

    async def send(self, request: ClientRequest, start: RequestStart) -> Transfer:
        """Send a request, and return its transfer when the head of the response has come; the caller closes it.

        Raises FetchError if none comes, and what ``start`` raises.
        """
        handle = self._handle(request)
        transfer = Transfer(handle.curl, start, partial(self._release, handle, keep=request.is_plain))
        handle.curl.setopt(pycurl.URL, request.url.encode())
        handle.curl.setopt(pycurl.HEADERFUNCTION, transfer.take_line)
        handle.curl.setopt(pycurl.WRITEFUNCTION, transfer.take_chunk)
        handle.curl.setopt(pycurl.PREREQFUNCTION, transfer.begin)
        handle.curl.setopt(pycurl.OPENSOCKETFUNCTION, partial(open_socket, start))
        self._multi.add(handle.curl, transfer.end)
        try:
            await transfer.head()
        except BaseException:
            transfer.close()
            raise
        return transfer

    async def close(self) -> None:
        """End all transfers, and close all connections."""
        await self._multi.close()

    def _handle(self, request: ClientRequest) -> Handle:
        if not request.is_plain:
            return self._new(request)
        handle = self._spare.pop() if self._spare else self._new(request)
        if handle.headers != request.headers:
            handle.curl.setopt(pycurl.HTTPHEADER, self._header_lines(request))
            handle.headers = request.headers
        return handle

    def _new(self, request: ClientRequest) -> Handle:
        handle = Handle(pycurl.Curl(), request.headers)
        for option, value in (*CURL_OPTIONS, *self.options, *request.own_options()):
            handle.curl.setopt(option, value)
        handle.curl.setopt(pycurl.HTTPHEADER, self._header_lines(request))
        return handle

    def _header_lines(self, request: ClientRequest) -> list[bytes]:
        if not self._lines:
            self._lines = {name: header_line(name, value) for name, value in self.headers.items()}
        own = {name: header_line(name, value) for name, value in (request.headers or {}).items()}
        omitted = OMITTED_HEADERS if request.body or request.method in BODY_METHODS else {}
        return list({**omitted, **self._lines, **own}.values())

    def _release(self, handle: Handle, *, keep: bool) -> None:
        """Take back the handle of a transfer, which may not have ended."""
        self._multi.remove(handle.curl)
        if keep and len(self._spare) < MAX_IDLE_HANDLES:
            self._spare.append(handle)
        else:
            handle.curl.close()


def header_line(name: str, value: str) -> bytes:
    """Return a header as libcurl takes it: with a semicolon where it is empty.

    Raises FetchError for a line break.
    """
    line = f"{name}: {value}" if value.strip() else f"{name};"
    if _BREAKS(line):
        raise FetchError(Outcome.INTERNAL_ERROR, f"a header with a line break: {line!r}")
    return line.encode("utf-8", "surrogateescape")
