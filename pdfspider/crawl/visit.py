"""The visit to a URL, which travels with its request from the lease to the capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scrapy import Request

    from pdfspider.frontier.jobs import Job
    from pdfspider.frontier.leases import Lease
    from pdfspider.items import Outcome
    from pdfspider.records.history import EarlierDocument

VISIT_KEY = "pdfspider_visit"
"""The key of a request's ``meta`` under which its visit is."""


@dataclass(slots=True, eq=False)
class Visit:
    """A visit as it is known before its URL is fetched."""

    lease: Lease
    job: Job
    verdict: tuple[Outcome, str] | None = None
    """Outcome class and reason of a URL that is decided without a fetch."""
    earlier: EarlierDocument | None = None
    """The document that an earlier run had at the URL."""
    body_limit: int = 0
    """Bytes of the body that are read whatever it is, as of a robots.txt; 0 if its first KiB decides."""

    replacements: int = 0
    """The requests that middlewares have returned instead of one of this visit."""

    def into(self, meta: dict[str, Any]) -> dict[str, Any]:
        """Return the ``meta`` of a request, to which the visit has been added."""
        meta[VISIT_KEY], meta["verbatim_url"] = self, True
        return meta


def visit_of(request: Request) -> Visit:
    """Return the visit of a request. Raises KeyError for a request that has none."""
    visit: Visit = request.meta[VISIT_KEY]
    return visit


def lease_of(request: Request | None) -> Lease | None:
    """Return the lease of a request, None for a request without a visit."""
    visit: Visit | None = request.meta.get(VISIT_KEY) if request else None
    return visit.lease if visit else None
