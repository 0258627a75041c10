"""gRPC: the service ``Masters`` of masters.proto, with health and reflection."""

from __future__ import annotations

import asyncio
import hmac
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.base import Transport
from pdfspider.gateway.queries.replay import Replay
from pdfspider.gateway.transports.exposure import check_exposure
from pdfspider.gateway.transports.grpc import masters_pb2, masters_pb2_grpc
from pdfspider.gateway.transports.grpc.calls import Masters
from pdfspider.gateway.transports.grpc.messages import decode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pdfspider.gateway.base import Options, Result
    from pdfspider.gateway.service import GatewayService
    from pdfspider.gateway_config import GatewayConfig

DEFAULT_PORT = 50051
MAX_STREAMS = 1000
"""Concurrent streams of one connection."""
MAX_METADATA_SIZE = 16 << 10
MIN_PING_INTERVAL_MS = 5000
"""Milliseconds between two pings."""
SERVICE_NAME = masters_pb2.DESCRIPTOR.services_by_name["Masters"].full_name


class GrpcTransport(Transport):
    """Listens on ``grpc://HOST:PORT``, or on ``grpcs`` with the files ``cert`` and ``key``, and maybe ``clients``.

    Without ``GATEWAY_TOKEN`` only loopback addresses are allowed. With it others are allowed if there is TLS; health
    and reflection then stay open.
    """

    listens = True
    options: ClassVar[Options] = {"cert": "", "key": "", "clients": ""}

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        self._has_tls = self.address.url.startswith("grpcs:")
        check_exposure(self.address, service.config.gateway, tls=self._has_tls)
        self._replay = Replay(service, self.name)
        self._masters = Masters(service, self.name, self._replay)
        self._health = health.aio.HealthServicer()
        self._server: Any = None

    async def listen(self) -> None:
        gateway = self.service.config.gateway
        self._server = grpc.aio.server(
            interceptors=[*([TokenInterceptor(gateway.token)] if gateway.token else []), DecodeInterceptor()],
            options=options(gateway),
            maximum_concurrent_rpcs=gateway.unacknowledged,
        )
        masters_pb2_grpc.add_MastersServicer_to_server(self._masters, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        self._bind()
        await self._server.start()
        await self._health.set(SERVICE_NAME, health_pb2.HealthCheckResponse.SERVING)

    async def serve(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._masters.takes = False

    async def publish(self, result: Result) -> None:
        """Keep the result, so that masters can ask for it."""
        await self._replay.keep(result)

    async def close(self) -> None:
        if self._server:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(grace=1)

    def _bind(self) -> None:
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        address = f"{host}:{self.address.port or DEFAULT_PORT}"
        try:
            if self._has_tls:
                self._server.add_secure_port(address, self._credentials())
            else:
                self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise ConfigurationError(f"cannot listen on {address}: {error}") from error

    def _credentials(self) -> Any:
        cert, key, clients = (self.address.options[name] for name in ("cert", "key", "clients"))
        try:
            pair = (Path(key).read_bytes(), Path(cert).read_bytes())
            trusted = Path(clients).read_bytes() if clients else None
            return grpc.ssl_server_credentials([pair], trusted, require_client_auth=bool(clients))
        except OSError as error:
            raise ConfigurationError(f"grpcs:// in GATEWAY_URLS needs ?cert=FILE&key=FILE: {error}") from error


def options(gateway: GatewayConfig) -> list[tuple[str, int]]:
    """Return the channel arguments of a server: limits for clients, and keepalive on quiet connections."""
    keep_alive, timeout = int(gateway.keep_alive * 1000), int(gateway.client_timeout * 1000)
    found = [
        ("grpc.max_receive_message_length", gateway.message_size or -1),
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_SIZE),
        ("grpc.keepalive_permit_without_calls", 1),
        # A client may ping as often as this server does, with room for what comes early.
        ("grpc.http2.min_ping_interval_without_data_ms", keep_alive // 3 or MIN_PING_INTERVAL_MS),
    ]
    if keep_alive:
        found += [("grpc.keepalive_time_ms", keep_alive), ("grpc.keepalive_timeout_ms", max(keep_alive, 1000))]
    if timeout:
        found += [("grpc.server_handshake_timeout_ms", timeout), ("grpc.max_connection_idle_ms", 10 * timeout)]
    if gateway.connections:
        found.append(("grpc.max_allowed_incoming_connections", gateway.connections))
    return found


class DecodeInterceptor(grpc.aio.ServerInterceptor):
    """Gives calls an error instead of a message that cannot be decoded; grpc would log a traceback for each."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], call: Any) -> Any:
        handler = await continuation(call)
        if handler is None or not call.method.startswith(f"/{SERVICE_NAME}/"):
            return handler
        return handler._replace(request_deserializer=partial(decode, handler.request_deserializer))


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Refuses calls without the token."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        self._refusal = grpc.stream_stream_rpc_method_handler(self._refuse)

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], call: Any) -> Any:
        given = dict(call.invocation_metadata).get("authorization", "")
        if call.method.startswith(f"/{SERVICE_NAME}/") and not hmac.compare_digest(given.encode(), self._expected):
            return self._refusal
        return await continuation(call)

    async def _refuse(self, _: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "GATEWAY_TOKEN is needed")
