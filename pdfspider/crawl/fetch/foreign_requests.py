"""Requests and responses that a user's middlewares and download handlers make.

A request that replaces another one uses its lease, and goes through its host's gate. To another origin it becomes a
redirect: a URL of its own. A request without a lease is not sent.
"""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, CIMultiDictProxy

from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.crawl.fetch.responses import StagedResponse, is_asked_for
from pdfspider.crawl.visit import visit_of
from pdfspider.discovery.listings.lists import is_list
from pdfspider.discovery.urls import origin_of
from pdfspider.documents.head import HEAD_SIZE, Kind, sniff
from pdfspider.documents.tail import judge
from pdfspider.exceptions import PdfSpiderError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Request
    from scrapy.http import Response

    from pdfspider.config import Config
    from pdfspider.documents.staging import Staging

logger = logging.getLogger(__name__)
MAX_REPLACEMENTS = 100
"""Requests that middlewares may return in one visit, whether they are sent or not."""

TEMPORARY_REDIRECT = 307
WITHOUT_EFFECT = frozenset(
    (
        *("allow_offsite", "bindaddress", "cookiejar", "dont_merge_cookies", "dont_obey_robotstxt"),
        *("dont_retry", "download_fail_on_dataloss", "download_maxsize", "download_slot"),
        *("download_warnsize", "ftp_password", "ftp_user", "give_up_log_level", "max_retry_times", "referrer_policy"),
    )
)
"""Scrapy's special keys of ``meta`` that nothing here looks at."""
ORDINARY_KEYS = 3
"""The number of keys that the meta of a request has by itself."""
_named: set[str] = set()


def note_keys(meta: Mapping[str, Any]) -> None:
    """Log each key of ``meta`` once that means something to Scrapy, and nothing here."""
    for key in WITHOUT_EFFECT.intersection(meta) - _named:
        _named.add(key)
        logger.warning("meta[%r] of a request has no effect here", key)


class NoLease(PdfSpiderError):
    """A request without a lease is not sent: submit its URL (scrapy submit), or return it from a middleware."""


def take_over(new: Request, old: Request) -> Request | Response:
    """Return what is done for a request that a middleware returned instead of another.

    It is sent under the other's lease, or becomes a redirect if it leads to another origin. Raises FetchError if
    neither is possible.
    """
    if not new.url.startswith(("http://", "https://")):
        raise FetchError(Outcome.INTERNAL_ERROR, f"a middleware asks for {new.url}, which is not HTTP")
    if origin_of(new.url) != origin_of(old.url):
        return _redirect(new, old)
    visit = visit_of(old)
    visit.replacements += 1
    if visit.replacements > MAX_REPLACEMENTS:
        raise FetchError(Outcome.INTERNAL_ERROR, f"a middleware returned a request {MAX_REPLACEMENTS} times")
    visit.into(new.meta)
    new.callback, new.errback = new.callback or old.callback, new.errback or old.errback
    new.dont_filter = True
    return new


def _redirect(new: Request, old: Request) -> Response:
    if new.method != "GET" or new.body:
        reason = f"a middleware asks another origin by {new.method} with {len(new.body)} bytes: {new.url}"
        raise FetchError(Outcome.INTERNAL_ERROR, reason)
    received = CIMultiDictProxy(CIMultiDict({"Location": new.url}))
    return StagedResponse(old.url, status=TEMPORARY_REDIRECT, request=old, received=received)


def own_response(response: Response, request: Request) -> Response:
    """Return a copy of the response that belongs to this request only."""
    if response.request is not request:
        response = copy.copy(response)
        response.request = request
    return response


def staged_response(config: Config, staging: Staging, response: Response) -> StagedResponse:
    """Return a response of any class as a StagedResponse.

    Raises FetchError for one that is too large.
    """
    if isinstance(response, StagedResponse):
        return response
    request: Any = response.request
    visit, received = visit_of(request), _received(response)
    body, declared, entry = response.body, received.get("Content-Type"), visit.lease.entry
    kind = sniff(body[:HEAD_SIZE], declared)
    if kind is Kind.OTHER and entry and is_list(body[:HEAD_SIZE], declared, entry.technique):
        kind = Kind.HTML
    fields: dict[str, Any] = {"status": response.status, "request": request, "received": received, "kind": kind}
    if kind is Kind.PDF and response.status < 300 and not visit.body_limit:
        return _with_document(config, staging, StagedResponse(response.url, **fields), body)
    is_read = kind is Kind.HTML or is_asked_for(request)
    limit = visit.body_limit or (config.page_limit if is_read else HEAD_SIZE)
    return StagedResponse(response.url, body=body[:limit], **fields)


def _received(response: Response) -> CIMultiDictProxy[str]:
    names = [(key, value) for key in response.headers for value in response.headers.getlist(key)]
    return CIMultiDictProxy(CIMultiDict([(key.decode("latin-1"), value.decode("latin-1")) for key, value in names]))


def _with_document(config: Config, staging: Staging, response: StagedResponse, body: bytes) -> StagedResponse:
    limit = config.document_limit
    if limit and len(body) > limit:
        raise FetchError(Outcome.TOO_LARGE, f"more than {limit} bytes")
    document = staging.in_memory(body)
    response.size, response.flaw = document.size, judge(document.head, document.tail, document.size)
    response.staged = None if response.flaw else document
    return response
