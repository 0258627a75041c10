"""Errors of the HTTP transport, in the form of RFC 9457 (problem details)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput, JobNotFound, RecordsError
from pdfspider.web.listener import BODY_ERRORS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

RETRY_AFTER_S = "5"
"""Seconds."""
EXPECTED_ERRORS = (web.HTTPException, InvalidInput, JobNotFound, RedisError, RecordsError, UnicodeError, *BODY_ERRORS)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a response in ``application/problem+json``; ``error`` is the same as ``detail``."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error": detail,
    }
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


def problem_of(error: Exception) -> web.Response:
    """Return the response for one of the errors ``EXPECTED_ERRORS``."""
    if isinstance(error, web.HTTPException):
        extra = {name: error.headers[name] for name in ("Allow", "Content-Range") if name in error.headers}
        if error.status == 503:
            extra["Retry-After"] = RETRY_AFTER_S
        if error.status == 401:
            extra["WWW-Authenticate"] = "Bearer"
        return problem(error.status, error.reason, extra)
    if isinstance(error, JobNotFound):
        return problem(404, str(error))
    if isinstance(error, (RedisError, RecordsError)):
        return problem(503, str(error), {"Retry-After": RETRY_AFTER_S})
    if isinstance(error, BODY_ERRORS):
        response = problem(400, "the body is incomplete")
        response.force_close()
        return response
    return problem(400, str(error) if isinstance(error, InvalidInput) else "not UTF-8")


def with_problems(handle: Handle) -> Handle:
    """Return a request handler that answers each of the errors ``EXPECTED_ERRORS`` with problem details.

    aiohttp refuses some requests before any middleware runs, such as one with an unknown ``Expect`` header.
    """

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handle(request)
        except EXPECTED_ERRORS as error:
            return problem_of(error)

    return answer
