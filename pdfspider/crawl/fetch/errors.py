"""How a fetch can fail, and what becomes of the URL then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from scrapy.exceptions import IgnoreRequest

from pdfspider.exceptions import LeaseLost, PdfSpiderError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from twisted.python.failure import Failure


class FetchError(PdfSpiderError):
    """A fetch that ended in a class of failure."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


class RedirectsToItself(FetchError):
    """A URL that redirects to itself, as it does to whom it wants to have cookies."""

    def __init__(self, url: str) -> None:
        super().__init__(Outcome.REDIRECT_LOOP, f"{url} redirects to itself")


class BodyStalled(FetchError):
    """A body of which nothing came for a while, or too little."""

    def __init__(self, reason: str) -> None:
        super().__init__(Outcome.TIMEOUT, reason)


class GiveBack(PdfSpiderError):
    """The lease goes back to the frontier, for ``delay`` seconds: nothing is wrong with the URL."""

    def __init__(self, reason: str, delay: float = 0.0) -> None:
        super().__init__(reason)
        self.delay = delay


def outcome_of(error: BaseException) -> tuple[Outcome, str]:
    """Class and reason of whatever was raised on the way to an item."""
    if isinstance(error, FetchError):
        return error.outcome, str(error)
    if isinstance(error, IgnoreRequest):
        return Outcome.OTHER, f"a middleware ignored it: {error}"
    return Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}"


def is_give_back(error: BaseException) -> bool:
    """Whether the worker lost the right to work on the URL, gave it up, or could not ask the frontier on the way."""
    return isinstance(error, GiveBack | LeaseLost | RedisError)


def error_of(failure: Failure) -> BaseException:
    """The exception inside a Twisted failure."""
    assert failure.value is not None
    return failure.value


STATUS_OUTCOMES = {
    401: Outcome.FORBIDDEN,
    403: Outcome.FORBIDDEN,
    404: Outcome.NOT_FOUND,
    410: Outcome.NOT_FOUND,
    429: Outcome.THROTTLED,
    451: Outcome.FORBIDDEN,
}


def status_outcome(status: int) -> Outcome | None:
    """Return the class of failure that an HTTP status stands for; None for a success, as a page of choices is one."""
    if 200 <= status <= 300:
        return None
    if status >= 500:
        return Outcome.SERVER_ERROR
    return STATUS_OUTCOMES.get(status, Outcome.HTTP_ERROR)
