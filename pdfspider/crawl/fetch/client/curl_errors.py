"""The outcome classes of libcurl's errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pycurl

from pdfspider.crawl.fetch.client import open_files
from pdfspider.crawl.fetch.errors import BodyBroken, FetchError, ReleaseRequested
from pdfspider.items import Outcome
from pdfspider.masking import masked

if TYPE_CHECKING:
    from pdfspider.crawl.fetch.request_start import RequestStart
    from pdfspider.exceptions import PdfSpiderError

HEADERS_TOO_LARGE = 100
HTTP2_STREAM = 92
OUTCOME_BY_CODE = {
    pycurl.E_COULDNT_RESOLVE_HOST: Outcome.DNS_ERROR,
    pycurl.E_COULDNT_RESOLVE_PROXY: Outcome.DNS_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION: Outcome.TLS_ERROR,
    pycurl.E_SSL_CACERT_BADFILE: Outcome.TLS_ERROR,
    pycurl.E_SSL_CERTPROBLEM: Outcome.TLS_ERROR,
    pycurl.E_SSL_CIPHER: Outcome.TLS_ERROR,
    pycurl.E_SSL_CONNECT_ERROR: Outcome.TLS_ERROR,
    pycurl.E_SSL_INVALIDCERTSTATUS: Outcome.TLS_ERROR,
    pycurl.E_SSL_ISSUER_ERROR: Outcome.TLS_ERROR,
    pycurl.E_OPERATION_TIMEDOUT: Outcome.TIMEOUT,
    pycurl.E_BAD_CONTENT_ENCODING: Outcome.BAD_RESPONSE,
    pycurl.E_HTTP2: Outcome.BAD_RESPONSE,
    pycurl.E_UNSUPPORTED_PROTOCOL: Outcome.BAD_RESPONSE,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: Outcome.BAD_RESPONSE,
    HTTP2_STREAM: Outcome.BAD_RESPONSE,
    HEADERS_TOO_LARGE: Outcome.BAD_RESPONSE,
}
"""Classes by code; of any other the connection was refused, reset or broken off."""


def error_of_code(start: RequestStart, code: int, message: str, *, has_head: bool) -> PdfSpiderError:
    """Return the error of a transfer that has not come to its end."""
    if code == pycurl.E_ABORTED_BY_CALLBACK:  # with an error of ours, or because the worker ends
        return ReleaseRequested(message)
    if start.refused:
        return FetchError(Outcome.OUT_OF_SCOPE, start.refused)
    if not has_head and (start.is_without_socket or open_files.are_exhausted()):
        return ReleaseRequested("no more files can be opened", open_files.RETRY_DELAY_S)
    outcome = OUTCOME_BY_CODE.get(code, Outcome.CONNECTION_ERROR)
    if outcome is Outcome.TIMEOUT:  # nothing else has a limit in libcurl
        message = f"no connection within {start.timeouts.connect:g} s"
    if code == HEADERS_TOO_LARGE:  # of which libcurl says nothing
        message = "a head of more than 300 KiB"
    return (BodyBroken if has_head else FetchError)(outcome, masked(message) or f"libcurl's error {code}")
