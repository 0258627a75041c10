"""HTTP: jobs as resources, server-sent events, and a webhook for results."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.http_exceptions import HttpProcessingError
from redis.exceptions import RedisError

from pdfspider.exceptions import ConfigurationError, InvalidInput, JobNotFound, RecordsError
from pdfspider.gateway.loopback import is_loopback
from pdfspider.gateway.openapi import describe
from pdfspider.gateway.transport import Delivery, Receipt, Transport, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.transport import Result

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PORT = 8080
PATIENCE = 10.0
"""Seconds for which a request waits until there is room for its message."""
WEBHOOK_TIMEOUT = ClientTimeout(total=30)
LISTED = 100
MOST_LISTED = 1000
ACTIONS = ("pause", "resume", "cancel")


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Not what came that is no HTTP: it was answered with 400."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


logging.getLogger("aiohttp.server").addFilter(_is_worth_saying)


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


class HttpTransport(Transport):
    """``http://HOST:PORT`` to listen on; ``https`` with the files ``cert`` and ``key``.

    ``GET /openapi.json`` describes it. Without ``GATEWAY_TOKEN`` only loopback addresses may be listened on.
    """

    options = {"cert": "", "key": ""}  # noqa: RUF012 - declared by Transport

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        self._gateway = desk.config.gateway
        if not (self._gateway.token or is_loopback(self.address.host)):
            raise ConfigurationError(f"to listen on {self.address.host} GATEWAY_TOKEN is needed")
        self._serving = False
        self._watching: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self._client: ClientSession | None = None

    async def serve(self) -> None:
        app = web.Application(middlewares=[self._guard], client_max_size=self._gateway.message_size or 1 << 40)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=1)
        await self._runner.setup()
        port = self.address.port or PORT
        try:
            await web.TCPSite(self._runner, self.address.host, port, ssl_context=self._tls()).start()
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {self.address.shown}: {error}") from error
        self._serving = True
        try:
            await asyncio.Event().wait()
        finally:
            self._serving = False

    async def publish(self, result: Result) -> None:
        """To the webhook, if there is one: it has the result once it has answered 2xx."""
        if not self._gateway.webhook:
            return
        if self._client is None:
            self._client = ClientSession(timeout=WEBHOOK_TIMEOUT)
        headers = {"Content-Type": "application/json", "Pdfspider-Id": result.id}
        if self._gateway.webhook_secret:
            digest = hmac.new(self._gateway.webhook_secret.encode(), result.body, hashlib.sha256).hexdigest()
            headers["Pdfspider-Signature"] = f"sha256={digest}"
        request = self._client.post(self._gateway.webhook, data=result.body, headers=headers, allow_redirects=False)
        try:
            async with request as response:
                if not 200 <= response.status < 300:
                    raise TransportError(f"the webhook answered {response.status}")
        except (ClientError, TimeoutError, OSError) as error:
            raise TransportError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        for task in self._watching:
            task.cancel()
        if self._runner:
            await self._runner.cleanup()
        if self._client:
            await self._client.close()

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/openapi.json", self._openapi),
            web.post("/jobs", self._submit),
            web.get("/jobs", self._jobs),
            web.get("/jobs/{job}", self._job),
            web.get("/jobs/{job}/result", self._result),
            web.get("/jobs/{job}/events", self._events),
            *(web.post(f"/jobs/{{job}}/{action}", self._control) for action in ACTIONS),
        ]

    def _tls(self) -> ssl.SSLContext | None:
        if not self.address.url.startswith("https:"):
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.address.options["cert"], self.address.options["key"] or None)
        except OSError as error:
            raise ConfigurationError(f"https:// in GATEWAY_URLS needs ?cert=FILE&key=FILE: {error}") from error
        return context

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
        if not self._serving:
            raise web.HTTPServiceUnavailable(reason="the gateway is about to end")
        key = request.headers.get("Idempotency-Key")
        body = await request.read()
        delivery = HttpDelivery(body=body, id=key or ("" if _has_task_id(body) else token_hex(16)))
        try:
            async with asyncio.timeout(PATIENCE):
                await self.desk.accept(self.name, delivery)
        except TimeoutError:
            raise web.HTTPServiceUnavailable(reason="there is no room for more jobs now") from None
        receipt = await delivery.receipt
        told = {"job": receipt.job, "run": receipt.run, "result_id": receipt.result_id, "added": receipt.added}
        return web.json_response(told, status=202, headers={"Location": f"/jobs/{receipt.job}"})

    async def _jobs(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", str(LISTED))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= MOST_LISTED):
            raise InvalidInput(f"limit must be between 1 and {MOST_LISTED}")
        return web.json_response({"jobs": await self.desk.jobs(int(limit))})

    async def _job(self, request: web.Request) -> web.Response:
        job = request.match_info["job"]
        return web.json_response({"job": job, **await self.desk.status(job)})

    async def _result(self, request: web.Request) -> web.Response:
        return web.json_response(await self.desk.result(request.match_info["job"]))

    async def _control(self, request: web.Request) -> web.Response:
        job, action = request.match_info["job"], request.path.rpartition("/")[2]
        return web.json_response({"job": job, "state": await self.desk.control(job, action)})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """``status`` whenever it has changed, and at the end ``result``."""
        job = request.match_info["job"]
        await self.desk.status(job)  # says at once whether there is such a job
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._watching.add(task)
        try:
            async for status in self.desk.watch(job):
                await response.write(_event("status", status))
            await response.write(_event("result", await self.desk.result(job)))
        except (ConnectionError, JobNotFound):
            pass  # the client has gone, or the job
        finally:
            self._watching.discard(task)
        return response


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
