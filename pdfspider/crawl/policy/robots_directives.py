"""Record what responses ask of robots, and decide which of it is obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.crawl.visit import visit_of
from pdfspider.discovery.markup.robots_directives import NOFOLLOW, NOINDEX, of_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from multidict import CIMultiDictProxy

    from pdfspider.config import Config
    from pdfspider.crawl.fetch.responses import StagedResponse
    from pdfspider.frontier.jobs import Job

    Headers = CIMultiDictProxy[str]

RESERVATION_HEADERS = ("Content-Usage", "Content-Signal", "TDM-Reservation")
"""Headers that say for what else a response may be used."""
MAX_LENGTH = 500
_NOTHING: frozenset[str] = frozenset()


def header_directives(config: Config, received: Headers) -> Set[str]:
    """Return the directives in the headers ``X-Robots-Tag``."""
    if "X-Robots-Tag" not in received:
        return _NOTHING
    return of_headers(received.getall("X-Robots-Tag"), config.robot_names)


def obeyed(config: Config, job: Job) -> Set[str]:
    """Return the directives that are obeyed in a job: none where robots.txt is not."""
    return config.obeyed_directives if job.robots else _NOTHING


def forbids_links(config: Config, response: StagedResponse, of_page: Set[str]) -> bool:
    """Return whether the links of a page with these directives are not followed."""
    if NOFOLLOW not in of_page and NOFOLLOW not in header_directives(config, response.received):
        return False
    return NOFOLLOW in obeyed(config, visit_of(response.request).job)


def forbids_storing(config: Config, response: StagedResponse) -> bool:
    """Return whether a document is not stored."""
    if NOINDEX not in header_directives(config, response.received):
        return False
    return NOINDEX in obeyed(config, visit_of(response.request).job)


def described(directives: Iterable[str], reservations: Iterable[str]) -> str | None:
    """Return the text for the records: the directives, then what else the site says; None for nothing."""
    parts = [", ".join(sorted(directives)), *reservations]
    return "; ".join(filter(None, parts))[:MAX_LENGTH] or None


def reservations(received: Headers) -> list[str]:
    """Return what the headers say for what else a response may be used."""
    return [f"{name.lower()}: {received[name]}" for name in RESERVATION_HEADERS if name in received]


def includes(recorded: str | None, directive: str) -> bool:
    """Return whether the text of the records has a directive."""
    return recorded is not None and directive in recorded.partition(";")[0].split(", ")
