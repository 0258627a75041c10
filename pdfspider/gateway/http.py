"""HTTP: jobs as resources, server-sent events, and a webhook for results."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.http_calls import Calls
from pdfspider.gateway.loopback import is_loopback
from pdfspider.gateway.replay import Replay
from pdfspider.gateway.transport import Transport
from pdfspider.gateway.webhook import Webhook

if TYPE_CHECKING:
    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.transport import Event, Result

PORT = 8080


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Not what came that is no HTTP: it was answered with 400."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


logging.getLogger("aiohttp.server").addFilter(_is_worth_saying)


class HttpTransport(Transport):
    """``http://HOST:PORT`` to listen on; ``https`` with the files ``cert`` and ``key``.

    ``GET /openapi.json`` describes it. Without ``GATEWAY_TOKEN`` only loopback addresses may be listened on. With
    ``events=webhook`` documents are posted, as they are found; whoever watches a job may have them in any case.
    """

    listens = True
    options = {"cert": "", "key": "", "events": ("no", "webhook")}  # noqa: RUF012 - declared by Transport

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        gateway = desk.config.gateway
        if not (gateway.token or is_loopback(self.address.host)):
            raise ConfigurationError(f"to listen on {self.address.host} GATEWAY_TOKEN is needed")
        self._replay = Replay(desk, self.name)
        self._webhook = Webhook(gateway.webhook, gateway.webhook_secret)
        self._calls = Calls(desk, self.name, self._replay)
        self._runner: web.AppRunner | None = None

    async def listen(self) -> None:
        tls = self._tls()
        app = self._calls.application()
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.address.host, self.address.port or PORT, ssl_context=tls).start()
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {self.address.shown}: {error}") from error

    async def serve(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._calls.takes = False

    async def publish(self, result: Result) -> None:
        """It is kept, so that it can be asked for, and goes to the webhook, if there is one."""
        await self._replay.keep(result)
        if self._webhook:
            await self._webhook.post("result", result.id, result.body)

    @property
    def tells(self) -> bool:
        return bool(self._webhook) and self.address.options["events"] == "webhook"

    async def tell(self, event: Event) -> None:
        await self._webhook.post("document", event.id, event.body)

    async def close(self) -> None:
        self._calls.close()
        if self._runner:
            await self._runner.cleanup()
        await self._webhook.close()

    def _tls(self) -> ssl.SSLContext | None:
        if not self.address.url.startswith("https:"):
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.address.options["cert"], self.address.options["key"] or None)
        except OSError as error:
            raise ConfigurationError(f"https:// in GATEWAY_URLS needs ?cert=FILE&key=FILE: {error}") from error
        return context
