"""The gateway's part of the configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """The settings of the gateway; sizes in bytes, 0 means no limit.

    A ``depth`` of 0 follows no links; 1 follows those of the submitted pages.
    """

    urls: tuple[str, ...] = ()
    depth: int = 1
    message_size: int = 1 << 20
    urls_per_message: int = 1000
    unacknowledged: int = 10_000
    """Messages of one transport that are not acknowledged yet, at most."""
    open_jobs: int = 0
    """Runs without a result at which the gateway stops taking messages; 0: no limit."""
    listed: int = 1000
    """Documents, and failures, that one result lists at most."""
    result_size: int = 1_000_000
    """Bytes of a result; Kafka's brokers take little more, unless they are told to."""
    networks: tuple[str, ...] = ()
    """Private networks that may be reached."""
    token: str = ""
    tls_terminated: bool = False
    """True if a proxy terminates TLS, so that http:// and grpc:// may listen beyond loopback."""
    connections: int = 512
    connections_per_address: int = 128
    client_timeout: float = 30.0
    """Seconds for a client's handshake, headers, body and next request."""
    keep_alive: float = 15.0
    """Seconds after which a quiet connection gets a keepalive."""
    webhook: str = ""
    webhook_secret: str = ""
