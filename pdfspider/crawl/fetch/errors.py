"""The errors of a fetch, and the outcome classes that they lead to."""

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


class BodyBroken(FetchError):
    """A body that did not come to its end."""


class BodyStalled(BodyBroken):
    """A body of which nothing came for a while, or too little."""

    def __init__(self, reason: str) -> None:
        super().__init__(Outcome.TIMEOUT, reason)


class DownloadStopped(BodyBroken):
    """A body of which a listener wants no more; ``fail`` says whether it is handed on as far as it has come."""

    def __init__(self, *, fail: bool) -> None:
        super().__init__(Outcome.OTHER, "who listens to its download stopped it")
        self.fail = fail


class StartAgain(PdfSpiderError):
    """A request that was sent on a connection that was closed, and needs a permit to be sent again."""


class ReleaseRequested(PdfSpiderError):
    """The lease is released for ``delay`` seconds, and the URL is not to blame."""

    def __init__(self, reason: str, delay: float = 0.0) -> None:
        super().__init__(reason)
        self.delay = delay


def outcome_of(error: BaseException) -> tuple[Outcome, str]:
    """Return class and reason of an error that was raised on the way to an item."""
    if isinstance(error, FetchError):
        return error.outcome, str(error)
    if isinstance(error, IgnoreRequest):
        return Outcome.OTHER, f"a middleware ignored it: {error}"
    return Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}"


def releases_lease(error: BaseException) -> bool:
    """Return whether the worker lost or gave up the lease, or could not ask the frontier."""
    return isinstance(error, ReleaseRequested | LeaseLost | RedisError)


def error_of(failure: Failure) -> BaseException:
    """Return the exception in a Twisted failure."""
    assert failure.value is not None
    return failure.value


STATUS_OUTCOMES = {
    401: Outcome.FORBIDDEN,
    403: Outcome.FORBIDDEN,
    404: Outcome.NOT_FOUND,
    407: Outcome.CONNECTION_ERROR,  # a proxy speaks, not the host: it wants other credentials
    410: Outcome.NOT_FOUND,
    429: Outcome.THROTTLED,
    451: Outcome.FORBIDDEN,
}


def status_outcome(status: int) -> Outcome | None:
    """Return the class of failure of an HTTP status, None for a success."""
    if 200 <= status <= 300:
        return None
    if status >= 500:
        return Outcome.SERVER_ERROR
    return STATUS_OUTCOMES.get(status, Outcome.HTTP_ERROR)
