"""HTTP: jobs are resources, with server-sent events, and a webhook for results."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, ClassVar

from aiohttp import web

from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.base import Transport
from pdfspider.gateway.outbound.webhook import Webhook
from pdfspider.gateway.queries.replay import Replay
from pdfspider.gateway.transports.exposure import check_exposure
from pdfspider.gateway.transports.http.calls import Calls
from pdfspider.gateway.transports.http.problems import with_problems
from pdfspider.gateway.transports.http.server import Connection
from pdfspider.web.listener import Listener, ServerLimits

if TYPE_CHECKING:
    from pdfspider.gateway.base import Event, Options, Result
    from pdfspider.gateway.service import GatewayService

DEFAULT_PORT = 8080


class HttpTransport(Transport):
    """Listens on ``http://HOST:PORT``, or on ``https`` with the files ``cert`` and ``key``, and maybe ``clients``.

    ``GET /openapi.json`` describes it. Without ``GATEWAY_TOKEN`` only loopback addresses are allowed; with it others
    are allowed if there is TLS. With ``events=webhook`` documents are posted when they are found. Masters that watch a
    job can ask for documents in any case.
    """

    listens = True
    options: ClassVar[Options] = {"cert": "", "key": "", "clients": "", "events": ("no", "webhook")}

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        gateway = service.config.gateway
        self._has_tls = self.address.url.startswith("https:")
        check_exposure(self.address, gateway, tls=self._has_tls)
        self._replay = Replay(service, self.name)
        self._webhook = Webhook(gateway.webhook, gateway.webhook_secret)
        self._calls = Calls(service, self.name, self._replay)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def listen(self) -> None:
        tls = self._tls()
        gateway = self.service.config.gateway
        app = self._calls.application()
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=1)
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        server.request_handler = with_problems(server.request_handler)
        limits = ServerLimits(gateway.connections, gateway.connections_per_address, gateway.client_timeout)
        self._listener = Listener(server, limits, tls, Connection)
        try:
            await self._listener.start(self.address.host, self.address.port or DEFAULT_PORT)
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {self.address.shown}: {error}") from error

    async def serve(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._calls.takes = False

    async def publish(self, result: Result) -> None:
        """Keep the result, so that masters can ask for it, and post it to the webhook if there is one."""
        await self._replay.keep(result)
        if self._webhook:
            await self._webhook.post("result", result.id, result.body)

    @property
    def tells(self) -> bool:
        return bool(self._webhook) and self.address.options["events"] == "webhook"

    async def tell(self, event: Event) -> None:
        await self._webhook.post("document", event.id, event.body)

    async def close(self) -> None:
        if self._listener:
            await self._listener.close()
        self._calls.close()
        if self._runner:
            await self._runner.cleanup()
        await self._webhook.close()

    def _tls(self) -> ssl.SSLContext | None:
        if not self._has_tls:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.address.options["cert"], self.address.options["key"] or None)
            if clients := self.address.options["clients"]:
                context.load_verify_locations(clients)
                context.verify_mode = ssl.CERT_REQUIRED
        except OSError as error:
            raise ConfigurationError(f"https:// in GATEWAY_URLS needs ?cert=FILE&key=FILE: {error}") from error
        return context
