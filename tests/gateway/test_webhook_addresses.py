"""Which addresses a webhook may have."""

from __future__ import annotations

import socket

import pytest

from pdfspider.gateway.base import TransportError
from pdfspider.gateway.outbound.webhook import Webhook
from pdfspider.notifications.webhook import open_socket


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "1.1.1.1"])
def test_public_and_private_addresses_are_connected_to(address: str) -> None:
    open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80))).close()


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "0.0.0.0", "224.0.0.1"])
async def test_metadata_services_are_not(address: str) -> None:
    webhook = Webhook(f"http://{address}/", "")
    try:
        with pytest.raises(TransportError, match="neither public nor in a private network"):
            await webhook.post("result", "1", b"{}")
    finally:
        await webhook.close()
