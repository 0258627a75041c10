"""The requests that the HTTP transport answers; openapi.py describes them."""

from __future__ import annotations

import asyncio
import hmac
import json
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from aiohttp import web
from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput, JobNotFound, RecordsError
from pdfspider.gateway.loopback import is_loopback
from pdfspider.gateway.openapi import describe
from pdfspider.gateway.transport import Delivery, Receipt
from pdfspider.gateway.watching import watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.replay import Replay

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATIENCE = 10.0
"""Seconds for which a request waits until there is room for its message."""
LISTED = 100
MOST_LISTED = 1000
ACTIONS = ("pause", "resume", "cancel")
NO_TASK = {"id": None, "task_id": None, "meta": None, "urls": None}


@dataclass(slots=True, kw_only=True)
class HttpDelivery(Delivery):
    """What is said back is the response; what is rejected is not set aside, for the master has it."""

    receipt: asyncio.Future[Receipt] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def ack(self, receipt: Receipt) -> None:
        with suppress(asyncio.InvalidStateError):  # the client has gone
            self.receipt.set_result(receipt)

    async def reject(self, reason: str) -> None:
        with suppress(asyncio.InvalidStateError):
            self.receipt.set_exception(InvalidInput(reason))

    async def again(self) -> None:
        with suppress(asyncio.InvalidStateError):
            self.receipt.set_exception(web.HTTPServiceUnavailable(reason="it could not be taken in"))


class Calls:
    """The handlers; ``takes`` says whether messages are taken still."""

    def __init__(self, desk: Desk, transport: str, replay: Replay) -> None:
        self._desk, self._transport, self._replay = desk, transport, replay
        self._gateway = desk.config.gateway
        self._watching: set[asyncio.Task[Any]] = set()
        self.takes = True

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=self._gateway.message_size or 1 << 40)
        app.add_routes(
            [
                web.get("/openapi.json", self._openapi),
                web.post("/jobs", self._submit),
                web.get("/jobs", self._jobs),
                web.get("/jobs/{job}", self._job),
                web.get("/jobs/{job}/result", self._result),
                web.get("/jobs/{job}/events", self._events),
                *(web.post(f"/jobs/{{job}}/{action}", self._control) for action in ACTIONS),
            ]
        )
        return app

    def close(self) -> None:
        for task in self._watching:
            task.cancel()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._authorise(request)
            return await handler(request)
        except web.HTTPException as error:
            return _error(error.status, error.reason, allow=error.headers.get("Allow"))
        except InvalidInput as error:
            return _error(400, str(error))
        except JobNotFound as error:
            return _error(404, str(error))
        except (RedisError, RecordsError) as error:
            return _error(503, str(error))

    def _authorise(self, request: web.Request) -> None:
        """Without a token whoever can connect is trusted, but not what a browser there was led to ask."""
        if token := self._gateway.token:
            given = request.headers.get("Authorization", "")
            if request.path != "/openapi.json" and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                raise web.HTTPUnauthorized(reason="GATEWAY_TOKEN is needed")
        elif not is_loopback((request.url.host or "").strip("[]")):
            raise web.HTTPForbidden(reason="not a loopback address in the Host header")
        if request.method == "POST" and request.can_read_body and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(reason="expected application/json")

    async def _openapi(self, _: web.Request) -> web.Response:
        return web.json_response(describe(with_token=bool(self._gateway.token)))

    async def _submit(self, request: web.Request) -> web.Response:
        if not self.takes:
            raise web.HTTPServiceUnavailable(reason="the gateway is about to end")
        key = request.headers.get("Idempotency-Key")
        body = await request.read()
        delivery = HttpDelivery(body=body, id=key or ("" if _has_task_id(body) else token_hex(16)))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._desk.accept(self._transport, delivery)
        except TimeoutError:
            raise web.HTTPServiceUnavailable(reason="there is no room for more jobs now") from None
        receipt = await delivery.receipt
        told = {"job": receipt.job, "run": receipt.run, "result_id": receipt.result_id, "added": receipt.added}
        return web.json_response(told, status=202, headers={"Location": f"/jobs/{receipt.job}"})

    async def _jobs(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", str(LISTED))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= MOST_LISTED):
            raise InvalidInput(f"limit must be between 1 and {MOST_LISTED}")
        return web.json_response({"jobs": await self._desk.jobs(int(limit))})

    async def _job(self, request: web.Request) -> web.Response:
        job = request.match_info["job"]
        return web.json_response({"job": job, **await self._desk.status(job)})

    async def _result(self, request: web.Request) -> web.Response:
        return web.json_response(await self._describe(request.match_info["job"]))

    async def _control(self, request: web.Request) -> web.Response:
        job, action = request.match_info["job"], request.path.rpartition("/")[2]
        return web.json_response({"job": job, "state": await self._desk.control(job, action)})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """``status`` whenever it has changed, ``document`` for each that was found if asked for; last, ``result``."""
        job, documents = request.match_info["job"], request.query.get("documents", "false")
        if documents not in ("true", "false"):
            raise InvalidInput("documents must be true or false")
        await self._desk.status(job)  # says at once whether there is such a job
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._watching.add(task)
        try:
            async for name, told in watch(self._desk, job, documents=documents == "true"):
                await response.write(_event(name, told))
            await response.write(_event("result", await self._describe(job)))
        except (ConnectionError, JobNotFound):
            pass  # the client has gone, or the job
        finally:
            self._watching.discard(task)
        return response

    async def _describe(self, job: str) -> dict[str, Any]:
        """The result of a job; with what its message said of its own, if it came by one."""
        result = await self._desk.result(job)
        return {**NO_TASK, **await self._replay.only_task(result["run"]), **result}


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, default=str)}\n\n".encode()


def _error(status: int, reason: str, *, allow: str | None = None) -> web.Response:
    headers = {"Retry-After": "5"} if status == 503 else {"Allow": allow} if allow else {}
    return web.json_response({"error": reason}, status=status, headers=headers)


def _has_task_id(body: bytes) -> bool:
    """Then the message itself says what it is the repetition of."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.get("task_id") is not None
