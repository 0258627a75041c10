"""Helpers for tests of a spider: a response, the captures that it becomes, the links in them, and a small site."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import isawaitable
from mimetypes import guess_type
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes
from scrapy.settings import Settings
from scrapy.utils.misc import arg_to_iter

from pdfspider.items import Capture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from pdfspider.spiders.pdfs import PdfSpider


def response(
    url: str,
    *,
    body: bytes = b"",
    file: str | PathLike[str] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Response:
    """Return a response with the bytes of ``body``, or of a file, to a request with this ``meta``."""
    content = body if file is None else Path(file).read_bytes()
    kind = responsetypes.from_args(headers=Headers(headers or {}), url=url, body=content)
    request = Request(url, meta=dict(meta or {}))
    return kind(url, status=status, headers=dict(headers or {}), body=content, request=request)


def items(
    spider: type[PdfSpider] | PdfSpider,
    answer: Response,
    callback: str = "parse",
    cb_kwargs: Mapping[str, Any] | None = None,
    **settings: Any,
) -> list[Any]:
    """Return what a callback of a spider makes of a response, with these settings."""
    made: Any = spider
    if isinstance(spider, type):
        made = spider.from_crawler(Crawler(spider, Settings(settings)))
    output = getattr(made, callback)(answer, **(cb_kwargs or {}))
    if isawaitable(output) or hasattr(output, "__aiter__"):
        output = asyncio.run(_collect(output))
    return list(arg_to_iter(output))


def captures(
    spider: type[PdfSpider] | PdfSpider,
    answer: Response,
    callback: str = "parse",
    cb_kwargs: Mapping[str, Any] | None = None,
    **settings: Any,
) -> list[Capture]:
    """Return the captures that a callback of a spider makes of a response, with these settings."""
    return [item for item in items(spider, answer, callback, cb_kwargs, **settings) if isinstance(item, Capture)]


def requests(
    spider: type[PdfSpider] | PdfSpider,
    answer: Response,
    callback: str = "parse",
    cb_kwargs: Mapping[str, Any] | None = None,
    **settings: Any,
) -> list[Request]:
    """Return the requests that a callback of a spider makes of a response, with these settings."""
    return [item for item in items(spider, answer, callback, cb_kwargs, **settings) if isinstance(item, Request)]


@contextmanager
def site(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve files by their paths (``/a.pdf``) on this machine, and yield the URL of ``/``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, files))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Files(BaseHTTPRequestHandler):
    def __init__(self, files: Mapping[str, bytes], *args: Any) -> None:
        self._files = files
        super().__init__(*args)

    def do_GET(self) -> None:
        body = self._files.get(self.path)
        kind = guess_type(self.path.partition("?")[0])[0] or "text/html"
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


def links(capture: Capture) -> list[str]:
    """Return the URLs that a capture leads to, as far as they are followed."""
    return [entry.url for entry in capture.links]


async def _collect(output: Any) -> Any:
    return await output if isawaitable(output) else [item async for item in output]
