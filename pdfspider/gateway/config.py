"""What the settings say about the gateway."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Sizes in bytes; 0: no limit, except for ``depth``, where it is the pages' own links only with 1."""

    urls: tuple[str, ...] = ()
    depth: int = 1
    message_size: int = 1 << 20
    urls_per_message: int = 1000
    unacknowledged: int = 10_000
    """Messages of one transport that are out at once."""
    open_jobs: int = 0
    """Runs that are not answered yet, from which on no message is taken."""
    listed: int = 1000
    """Documents, and failures, that one result names."""
    result_size: int = 1_000_000
    """Bytes of a result; Kafka's brokers take little more, unless they are told to."""
    networks: tuple[str, ...] = ()
    """Networks that are not public and may be asked all the same."""
    token: str = ""
    tls_terminated: bool = False
    """A proxy in front has the TLS: plain http:// and grpc:// may listen on more than loopback addresses."""
    connections: int = 512
    connections_per_address: int = 128
    client_timeout: float = 30.0
    """Seconds for a client's handshake, headers, body, and its next request."""
    keep_alive: float = 15.0
    """Seconds after which a quiet connection has a sign of life."""
    webhook: str = ""
    webhook_secret: str = ""
