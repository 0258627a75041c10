"""The web application: its routes, what is refused, and how errors look."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from redis.exceptions import RedisError

from pdfspider.dashboard.access import RESPONSE_HEADERS
from pdfspider.dashboard.live import LivePages, wants_events
from pdfspider.dashboard.pages import Page, render
from pdfspider.dashboard.routes import ACTIONS, VIEWS, routes
from pdfspider.dashboard.state import ACCESS, DASHBOARD, dashboard_of
from pdfspider.exceptions import InvalidInput, JobNotFound, PdfSpiderError, RecordsError
from pdfspider.metrics.fleet import fleet_probes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.dashboard.access import AccessControl
    from pdfspider.dashboard.live import View
    from pdfspider.dashboard.state import Dashboard

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)

STATUS_BY_ERROR = ((JobNotFound, 404), (InvalidInput, 400), (RedisError, 503), (RecordsError, 503))

MAX_FORM_SIZE = 2 * 1024 * 1024
"""Bytes of a form: some 20,000 URLs."""


def make_application(dashboard: Dashboard, access: AccessControl) -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[_answer], client_max_size=MAX_FORM_SIZE)
    live = LivePages()
    app[DASHBOARD], app[ACCESS] = dashboard, access
    app.add_routes([web.get(path, _shown(view, live)) for path, view in VIEWS])
    app.add_routes([web.post(path, action) for path, action in ACTIONS])
    app.add_routes(routes())
    app.add_routes(fleet_probes(dashboard.config, dashboard.frontier).routes())
    app.on_response_prepare.append(_protect)

    async def close(_: web.Application) -> None:
        live.close()

    app.on_shutdown.append(close)
    return app


def _shown(view: View, live: LivePages) -> Handler:
    """Return the handler that serves a view as a page, or as the events of that page."""

    async def serve(request: web.Request) -> web.StreamResponse:
        if wants_events(request):
            return await live.serve(request, view)
        return _html(request, await view(request))

    return serve


def _html(request: web.Request, page: Page) -> web.Response:
    note = dashboard_of(request).messages.get(request.query.get("note", ""))
    text = render(page, note=note, signed_in=request.app[ACCESS].has_token)
    return web.Response(text=text, content_type="text/html", status=page.status)


@web.middleware
async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        request.app[ACCESS].check(request)
        return await handler(request)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        return _problem(request, error.status, error.reason)
    except (RedisError, PdfSpiderError) as error:
        status = next((status for kind, status in STATUS_BY_ERROR if isinstance(error, kind)), 409)
        return _problem(request, status, str(error))
    except Exception:
        logger.exception("%s %s could not be answered", request.method, request.path)
        return _problem(request, 500, "an error of the dashboard, which is in its log")


def _problem(request: web.Request, status: int, reason: str) -> web.Response:
    phrase = HTTPStatus(status).phrase
    page = Page("problem.html", phrase, "", {"status": status, "reason": reason}, status=status, is_live=False)
    return _html(request, page)


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in RESPONSE_HEADERS.items():
        response.headers.setdefault(name, value)
