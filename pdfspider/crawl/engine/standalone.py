"""Responses that no crawl has fetched, as tests, ``scrapy parse`` and ``scrapy check`` have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy import Request

from pdfspider.crawl.visit import Visit, lease_of
from pdfspider.discovery.urls import normalise
from pdfspider.frontier.jobs import Job
from pdfspider.frontier.leases import Lease, LeaseKind
from pdfspider.submission.seeds import seed

if TYPE_CHECKING:
    from scrapy.http import Response

    from pdfspider.crawl.worker import Worker


def with_visit(worker: Worker, response: Response) -> Response:
    """Return a response with a visit, made up where it has none: that of a seed without limits of depth."""
    if response.request is None:
        response.request = Request(response.url)
    if lease_of(response.request) is None:
        worker.open_alone()
        entry = seed(normalise(response.request.url))
        lease = Lease("", 0, LeaseKind.URL, 0.0, report=False, deliveries=0, expiries=0, entry=entry)
        job = Job(name="", run=0, robots=worker.config.obey_robots, anchors=entry.host)
        Visit(lease, job).into(response.request.meta)
    return response
