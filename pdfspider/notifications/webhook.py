"""Post to a URL that the operator has named: it may be private, but it is no metadata service."""

from __future__ import annotations

import errno
import hashlib
import hmac
import socket

from aiohttp import AddrInfoType, ClientSession, ClientTimeout, TCPConnector

from pdfspider.discovery.addresses import OWN_BLOCK, is_allowed

TIMEOUT = ClientTimeout(total=30)


def open_socket(address: AddrInfoType) -> socket.socket:
    """Return a socket to connect with.

    Raises OSError for an address that is off limits.
    """
    family, kind, protocol, _, (host, *_) = address
    if not is_allowed(str(host), OWN_BLOCK):
        raise OSError(errno.EACCES, f"{host} is neither public nor in a private network")
    return socket.socket(family=family, type=kind, proto=protocol)


class WebhookClient:
    """Posts JSON, signed if there is a secret; redirects are not followed."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._client: ClientSession | None = None

    async def post(self, url: str, kind: str, identity: str, body: bytes) -> int:
        """Post a message, and return the status of the answer.

        Raises ClientError, TimeoutError and OSError.
        """
        if self._client is None:
            self._client = ClientSession(timeout=TIMEOUT, connector=TCPConnector(socket_factory=open_socket))
        headers = {"Content-Type": "application/json", "Pdfspider-Event": kind, "Pdfspider-Id": identity}
        if self._secret:
            digest = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
            headers["Pdfspider-Signature"] = f"sha256={digest}"
        async with self._client.post(url, data=body, headers=headers, allow_redirects=False) as response:
            return response.status

    async def close(self) -> None:
        """Close the client."""
        if self._client:
            await self._client.close()
