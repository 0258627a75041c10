"""Make the Capture of a response or a failure."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pdfspider.crawl.extract.blocked_pages import blocked_outcome
from pdfspider.crawl.extract.fallback_links import fresh_link
from pdfspider.crawl.extract.link_extraction import is_followed
from pdfspider.crawl.fetch.errors import (
    FetchError,
    ReleaseRequested,
    error_of,
    outcome_of,
    releases_lease,
    status_outcome,
)
from pdfspider.crawl.fetch.foreign_requests import staged_response
from pdfspider.crawl.fetch.redirects import REDIRECT_STATUSES, is_redirect
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.crawl.policy.budgets import bound_links
from pdfspider.crawl.policy.conditional_requests import compare
from pdfspider.crawl.policy.retries import host_signal, retry_after
from pdfspider.crawl.policy.robots_directives import described, forbids_storing, header_directives, reservations
from pdfspider.crawl.visit import visit_of
from pdfspider.discovery import data_urls
from pdfspider.documents.head import Kind
from pdfspider.documents.names import file_name
from pdfspider.documents.tail import judge
from pdfspider.items import Capture, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scrapy.http import Response
    from twisted.python.failure import Failure

    from pdfspider.config import Config
    from pdfspider.crawl.extract.link_extraction import LinkExtractor
    from pdfspider.crawl.policy.budgets import Budgets
    from pdfspider.crawl.visit import Visit
    from pdfspider.documents.staging import Staging
    from pdfspider.frontier.leases import Lease
    from pdfspider.records.history import EarlierDocument

logger = logging.getLogger(__name__)

OUTCOMES_BY_KIND = {
    Kind.PDF: Outcome.DOCUMENT,
    Kind.HTML: Outcome.PAGE,
    Kind.EMPTY: Outcome.EMPTY,
    Kind.OTHER: Outcome.OTHER,
}


@dataclass(slots=True, eq=False)
class Released:
    """A visit whose lease was released, so that the URL has not ended."""

    lease: Lease
    delay: float = 0.0


class CaptureMaker:
    """Makes the captures of one worker's visits; ``reservations`` returns what the robots.txt of a URL reserves."""

    def __init__(
        self,
        config: Config,
        worker: str,
        *,
        staging: Staging,
        budgets: Budgets,
        links: LinkExtractor,
        reservations: Callable[[str], Iterable[str]],
    ) -> None:
        self._config, self._worker, self._staging = config, worker, staging
        self._budgets, self._links, self._reservations = budgets, links, reservations

    def of_response(self, response: Response) -> Capture:
        """Return the capture of a response.

        Never raises: if the capture cannot be made, the URL gets one with the reason.
        """
        request: Any = response.request
        visit = visit_of(request)
        capture = self._begin(visit)
        try:
            staged = staged_response(self._config, self._staging, response)
            if capture.technique == data_urls.TECHNIQUE and staged.kind is Kind.HTML:
                staged = within_page(staged, capture.url, self._staging)
            self._describe(capture, staged)
            self._judge(capture, staged, visit)
        except FetchError as error:
            capture.outcome, capture.reason = outcome_of(error)
        except Exception as error:
            logger.exception("Cannot parse %s", response.url)
            capture.outcome, capture.reason = outcome_of(error)
        return capture

    def of_response_alone(self, response: Response) -> Capture:
        """Return the capture of a response from which a callback has chosen what is followed."""
        capture = self.of_response(response)
        if capture.outcome is Outcome.PAGE and is_followed(capture.lease.entry):
            capture.links, capture.left_out, capture.reason = [], 0, None
        return capture

    def of_failure(self, failure: Failure) -> Capture | Released:
        """Return the capture of a fetch that raised."""
        request: Any = vars(failure)["request"]
        visit, error = visit_of(request), error_of(failure)
        if releases_lease(error):
            return Released(visit.lease, error.delay if isinstance(error, ReleaseRequested) else 0.0)
        capture = self._begin(visit)
        capture.outcome, capture.reason = outcome_of(error)
        capture.lease.host_signal = host_signal(capture.outcome, None)
        if capture.outcome is Outcome.INTERNAL_ERROR:
            logger.error("Cannot fetch %s", capture.url, exc_info=error)
        return capture

    def of_missing(self, visit: Visit, reason: str = "the spider gave no capture: the log says why") -> Capture:
        """Return the capture of a visit for which the spider, or a spider middleware, gave none."""
        capture = self._begin(visit)
        capture.reason = reason
        return capture

    def _begin(self, visit: Visit) -> Capture:
        lease, job = visit.lease, visit.job
        entry, now = lease.entry, time.time()
        assert entry is not None
        started = None if lease.started_at is None else now - (time.monotonic() - lease.started_at)
        capture = Capture(
            job=job.name,
            run=lease.run,
            fingerprint=int.from_bytes(entry.fingerprint, "big", signed=True),
            token=lease.token,
            url=entry.url,
            depth=entry.depth,
            found_on=entry.found_on,
            technique=entry.technique,
            hops=list(entry.hops),
            started=started,
            finished=now,
            worker=self._worker,
            attempt=lease.attempt,
            reach=lease.reach,
        )
        capture.lease = lease
        return capture

    def _describe(self, capture: Capture, response: StagedResponse) -> None:
        capture.final_url = response.url
        capture.hops += response.hops
        capture.status = response.status
        received = response.received.get
        capture.content_type = received("Content-Type") or None
        capture.etag = received("ETag") or None
        capture.last_modified = received("Last-Modified") or None
        if disposition := received("Content-Disposition"):
            capture.disposition_name = file_name(disposition)
        self._describe_directives(capture, response, ())

    def _describe_directives(self, capture: Capture, response: StagedResponse, of_page: Iterable[str]) -> None:
        directives = {*header_directives(self._config, response.received), *of_page}
        asked = (*reservations(response.received), *self._reservations(capture.url))
        capture.robots_directives = described(directives, asked) if directives or asked else None

    def _judge(self, capture: Capture, response: StagedResponse, visit: Visit) -> None:
        lease = visit.lease
        lease.usual = response.status == 200
        if is_redirect(response):
            capture.outcome, capture.reason, capture.links = self._links.redirected(capture, response)
        elif found := blocked_outcome(self._links, response, capture.lease.entry):
            capture.outcome, capture.reason = found
            _note_retry_after(capture, response)
        elif failure := _failure(response):
            capture.outcome, capture.reason = failure, f"HTTP status {response.status}"
            _note_retry_after(capture, response)
            capture.links = fresh_link(capture, response) or self._links.refreshed(lease, response)
        else:
            capture.outcome = OUTCOMES_BY_KIND[response.kind]
            if response.kind is Kind.PDF:
                self._take_document(capture, response)
            elif response.flaw:
                self._take_broken(capture, response)
            elif response.kind is Kind.EMPTY:
                capture.links = self._links.refreshed(lease, response)
            elif response.kind is Kind.HTML:
                self._take_page(capture, response)
        if visit.earlier:
            _compare(capture, visit.earlier)
        if capture.sha256:
            self._budgets.credit(capture)
        lease.host_signal = host_signal(capture.outcome, capture.status)

    def _take_broken(self, capture: Capture, response: StagedResponse) -> None:
        """Take what came of a page whose connection broke; its links are followed if it breaks at the last try too."""
        capture.outcome, capture.reason = Outcome.CONNECTION_ERROR, response.flaw
        if response.kind is Kind.HTML:
            capture.links = self._links.extract(capture.lease, response).entries

    def _take_page(self, capture: Capture, response: StagedResponse) -> None:
        capture.size = len(response.body)
        extracted = self._links.extract(capture.lease, response)
        found = extracted.links
        capture.links, capture.left_out, capture.withheld = extracted.entries, found.left_out, found.withheld
        capture.nofollow_links = found.nofollow
        if found.directives:
            self._describe_directives(capture, response, found.directives)
        reasons = []
        if capture.size >= self._config.page_limit:
            reasons.append(f"what follows the first {capture.size} bytes was not read (PDF_PAGE_MAX_SIZE)")
        if found.withheld:
            reasons.append(f"nofollow: {found.withheld} links are not followed (PDF_ROBOTS_DIRECTIVES)")
        capture.reason = "; ".join(reasons) or None
        capture.follow(bound_links(capture.links, self._config))

    def _take_document(self, capture: Capture, response: StagedResponse) -> None:
        capture.size = response.size
        if forbids_storing(self._config, response):
            capture.outcome, capture.reason = Outcome.ROBOTS_DENIED, "X-Robots-Tag: noindex (PDF_ROBOTS_DIRECTIVES)"
        elif response.staged is None:
            capture.outcome, capture.reason = Outcome.TRUNCATED, response.flaw
        else:
            capture.sha256, capture.staged = response.staged.sha256, response.staged
            capture.document = response.staged.content or response.staged.location


def _compare(capture: Capture, earlier: EarlierDocument) -> None:
    """Record what has become of the document that an earlier run had."""
    if capture.status == 304:
        capture.outcome, capture.reason, capture.links = Outcome.UNCHANGED, None, []
        capture.sha256, capture.size = earlier.sha256, earlier.size
        for name in ("content_type", "disposition_name", "etag", "last_modified"):
            if getattr(capture, name) is None:
                setattr(capture, name, getattr(earlier, name))
    elif change := compare(capture, earlier):
        capture.outcome, capture.reason = change


def within_page(response: StagedResponse, url: str, staging: Staging) -> StagedResponse:
    """Return the response that a document written into a page would be, of which ``url`` is the URL.

    Raises FetchError if the page does not have it any more.
    """
    body = data_urls.document_at(url, response.body)
    if body is None:
        raise FetchError(Outcome.OTHER, "the document is not in its page any more")
    finished = staging.in_memory(body)
    flaw = judge(finished.head, body, finished.size)
    return StagedResponse(
        response.url,
        status=response.status,
        request=response.request,
        received=response.received,
        kind=Kind.PDF,
        staged=None if flaw else finished,
        size=finished.size,
        hops=response.hops,
        flaw=flaw,
    )


def _failure(response: StagedResponse) -> Outcome | None:
    """Return the class of failure of a response by its status; a redirect to nowhere is what came with it."""
    return None if response.status in REDIRECT_STATUSES else status_outcome(response.status)


def _note_retry_after(capture: Capture, response: StagedResponse) -> None:
    """Retry-After: of a 202 it is about the URL, of anything else about the host."""
    if response.status == 202:
        capture.retry_in = retry_after(response)
    else:
        capture.lease.hold = retry_after(response)
