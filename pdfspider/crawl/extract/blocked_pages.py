"""Recognise responses that replace the requested one, such as logins and challenges."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pdfspider.crawl.fetch.bodies.ranges import part_of
from pdfspider.crawl.visit import visit_of
from pdfspider.discovery.rules import says_pdf
from pdfspider.documents.head import Kind
from pdfspider.documents.login_pages import asks_for_captcha, challenge, declared_challenge, is_login
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from pdfspider.crawl.extract.link_extraction import LinkExtractor
    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.frontier.entries import Entry

reloads_itself = re.compile(
    rb"""<meta\s[^<>]{0,99}http-equiv\s*=\s*["']?refresh\b[^<>]{0,99}content\s*=\s*
        (?: (["'])\s*[0-9]{1,2}\s*;?\s*\1 | [0-9]{1,2};?[\s/>] )
    |<meta\s[^<>]{0,99}content\s*=\s*
        (?: (["'])\s*[0-9]{1,2}\s*;?\s*\2 | [0-9]{1,2};?(?=\s) ) \s*[^<>]{0,99}http-equiv\s*=\s*["']?refresh\b
    |setTimeout\([^;<>]{0,99}location\.reload""",
    re.IGNORECASE | re.VERBOSE,
).search
"""Finds a page that loads itself again after some seconds, and no other page."""


def blocked_outcome(extractor: LinkExtractor, response: StagedResponse, entry: Entry) -> tuple[Outcome, str] | None:
    """Class and reason of an answer that is neither a failure by its status nor what was asked for.

    A page is taken for what it is, unless a document was expected or its challenge cannot be mistaken.
    """
    kind, status = response.kind, response.status
    if kind is Kind.PDF:
        return None
    if declared := declared_challenge(response.received):
        return Outcome.CHALLENGE, declared
    if kind is Kind.HTML and (wall := _wall(extractor, response, entry)):
        return wall
    if status == 202:
        return Outcome.NOT_READY, "HTTP status 202: the server is still preparing it"
    if status == 206 and kind is Kind.OTHER and not _is_whole(response):
        return Outcome.TRUNCATED, "a part came that was not asked for"
    return None


def _wall(extractor: LinkExtractor, response: StagedResponse, entry: Entry) -> tuple[Outcome, str] | None:
    expected = is_document_expected(response, entry)
    if response.status == 200 and not expected:
        return None
    if whose := challenge(response.body):
        return Outcome.CHALLENGE, f"a challenge of {whose}"
    if not expected or response.status >= 300:
        return None
    if is_login(response.body, response.url):
        found = Outcome.LOGIN_WALL, "a login instead of a document"
    elif asks_for_captcha(response.body):
        found = Outcome.CHALLENGE, "a captcha instead of a document"
    elif reloads_itself(response.body) or (response.header("Refresh") or "").strip().isdecimal():
        found = Outcome.NOT_READY, "a page that loads itself again, while the server is still preparing it"
    else:
        return None
    links = extractor.extract(visit_of(response.request).lease, response).links.links
    return None if any(link.document for link in links) else found


def is_document_expected(response: StagedResponse, entry: Entry) -> bool:
    """Return whether the link, the URL or the declared type says that the response is a PDF."""
    return entry.document or says_pdf(response.url) or "pdf" in (response.header("Content-Type") or "").lower()


def _is_whole(response: StagedResponse) -> bool:
    part = part_of(response.received)
    return part is not None and part.is_whole
