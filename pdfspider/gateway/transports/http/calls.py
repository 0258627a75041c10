"""The requests that the HTTP transport answers; openapi.py describes them."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pdfspider.exceptions import InvalidInput
from pdfspider.gateway.base import Delivery, Receipt
from pdfspider.gateway.transports.http.content_encoding import content_encoding, decode
from pdfspider.gateway.transports.http.events import EventStreams
from pdfspider.gateway.transports.http.guard import Guard
from pdfspider.gateway.transports.http.idempotency import IdempotencyKeys, idempotency_key
from pdfspider.gateway.transports.http.openapi import describe
from pdfspider.gateway.transports.http.problems import EXPECTED_ERRORS, problem, problem_of
from pdfspider.web.documents import Documents
from pdfspider.web.origin_checks import SECURITY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.gateway.queries.replay import Replay
    from pdfspider.gateway.service import GatewayService

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)

ROOM_TIMEOUT_S = 10.0
"""Seconds for which a request waits until there is room for its message."""
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
ACTIONS = ("pause", "resume", "cancel")
NO_TASK = {"id": None, "task_id": None, "meta": None, "urls": None}


@dataclass(slots=True, kw_only=True)
class HttpDelivery(Delivery):
    """A message by HTTP; the master gets a rejection as the response, so nothing is set aside."""

    receipt: asyncio.Future[Receipt] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def ack(self, receipt: Receipt) -> None:
        with suppress(asyncio.InvalidStateError):  # the client has disconnected
            self.receipt.set_result(receipt)

    async def reject(self, reason: str) -> None:
        with suppress(asyncio.InvalidStateError):
            self.receipt.set_exception(InvalidInput(reason))

    async def nack(self) -> None:
        with suppress(asyncio.InvalidStateError):
            self.receipt.set_exception(
                web.HTTPServiceUnavailable(reason="the message could not be submitted: send it again")
            )


class Calls:
    """The request handlers; ``takes`` says whether they still take messages."""

    def __init__(self, service: GatewayService, transport: str, replay: Replay) -> None:
        self._service, self._transport, self._replay = service, transport, replay
        self._gateway = service.config.gateway
        self._guard = Guard(self._gateway.token)
        self._keys = IdempotencyKeys(service.frontier.redis, transport, service.config.retention)
        self._streams = EventStreams(service, self._describe)
        self.takes = True

    def application(self) -> web.Application:
        """Return the web application."""
        app = web.Application(middlewares=[self._answer], client_max_size=self._gateway.message_size or 1 << 40)
        app.add_routes(
            [
                web.get("/openapi.json", self._openapi),
                *self._service.probes.routes(),
                web.post("/jobs", self._submit),
                web.get("/jobs", self._jobs),
                web.get("/transports", self._transports),
                web.get("/documents/{sha256}", Documents(self._service.copies).serve),
                web.get("/jobs/{job}", self._job),
                web.get("/jobs/{job}/result", self._result),
                web.get("/jobs/{job}/events", self._streams.serve, allow_head=False),
                *(web.post(f"/jobs/{{job}}/{action}", self._control) for action in ACTIONS),
            ]
        )
        app.on_response_prepare.append(_protect)
        return app

    def close(self) -> None:
        """End the open event streams."""
        self._streams.close()

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._guard.check(request)
            return await handler(request)
        except EXPECTED_ERRORS as error:
            return problem_of(error)
        except Exception:
            logger.exception("%s %s could not be answered", request.method, request.path)
            return problem(500, "an error of the gateway, which is in its log")

    async def _openapi(self, _: web.Request) -> web.Response:
        return web.json_response(describe(with_token=bool(self._gateway.token)))

    async def _submit(self, request: web.Request) -> web.Response:
        if not self.takes:
            raise web.HTTPServiceUnavailable(reason="the gateway is shutting down")
        key = idempotency_key(request)
        body = await self._read(request)
        is_new = bool(key) and await self._keys.claim(key, body)
        try:
            receipt = await self._hand_in(body, key)
        except InvalidInput:
            if is_new:
                await self._keys.forget(key)
            raise
        told = {"job": receipt.job, "run": receipt.run, "result_id": receipt.result_id, "added": receipt.added}
        return web.json_response(told, status=202, headers={"Location": f"jobs/{receipt.job}"})

    async def _read(self, request: web.Request) -> bytes:
        """Return the body as it was before it was encoded.

        Raises web.HTTPRequestTimeout, web.HTTPRequestEntityTooLarge and InvalidInput.
        """
        try:
            async with asyncio.timeout(self._gateway.client_timeout or None):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(reason="the body did not arrive in time") from None
        return decode(body, content_encoding(request), self._gateway.message_size)

    async def _hand_in(self, body: bytes, key: str) -> Receipt:
        """Submit a message.

        Raises InvalidInput and web.HTTPServiceUnavailable.
        """
        delivery = HttpDelivery(body=body, id=key or ("" if _has_task_id(body) else token_hex(16)))
        try:
            async with asyncio.timeout(ROOM_TIMEOUT_S):
                await self._service.accept(self._transport, delivery)
        except TimeoutError:
            raise web.HTTPServiceUnavailable(reason="there is no room for more jobs now: try again later") from None
        return await delivery.receipt

    async def _jobs(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", str(DEFAULT_LIMIT))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= MAX_LIMIT):
            raise InvalidInput(f"limit must be between 1 and {MAX_LIMIT}")
        return web.json_response({"jobs": await self._service.jobs(int(limit))})

    async def _transports(self, _: web.Request) -> web.Response:
        return web.json_response({"transports": await self._service.transports()})

    async def _job(self, request: web.Request) -> web.Response:
        job = request.match_info["job"]
        return web.json_response({"job": job, **await self._service.status(job)})

    async def _result(self, request: web.Request) -> web.Response:
        return web.json_response(await self._describe(request.match_info["job"]))

    async def _control(self, request: web.Request) -> web.Response:
        job, action = request.match_info["job"], request.path.rpartition("/")[2]
        return web.json_response({"job": job, "state": await self._service.control(job, action)})

    async def _describe(self, job: str) -> dict[str, Any]:
        """Return the result of a job, with its master's own fields if one message led to it."""
        result = await self._service.result(job)
        return {**NO_TASK, **await self._replay.only_task(result["run"]), **result}


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)


def _has_task_id(body: bytes) -> bool:
    """Return whether the message has a task_id, which identifies its repetitions."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.get("task_id") is not None
