"""Check the address that a transport with tokens listens on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.exceptions import ConfigurationError
from pdfspider.web.loopback import is_loopback

if TYPE_CHECKING:
    from pdfspider.gateway.base import Address
    from pdfspider.gateway_config import GatewayConfig


def check_exposure(address: Address, gateway: GatewayConfig, *, tls: bool) -> None:
    """Raise ConfigurationError for an address beyond loopback without a token, or without TLS."""
    if is_loopback(address.host):
        return
    if not gateway.token:
        raise ConfigurationError(f"GATEWAY_TOKEN is needed to listen on {address.host}")
    if not (tls or gateway.tls_terminated):
        scheme = address.url.partition(":")[0]
        raise ConfigurationError(
            f"{scheme}:// on {address.host} would have GATEWAY_TOKEN sent in clear: take "
            f"{scheme}s://…?cert=FILE&key=FILE, or set GATEWAY_TLS_TERMINATED=True where a proxy in front has the TLS"
        )
