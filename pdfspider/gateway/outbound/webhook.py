"""A webhook: results and events are posted to a URL of the master."""

from __future__ import annotations

import errno
import hashlib
import hmac
import socket

from aiohttp import AddrInfoType, ClientError, ClientSession, ClientTimeout, TCPConnector

from pdfspider.discovery.addresses import OWN, is_allowed
from pdfspider.gateway.base import RefusedError, RejectedError, TooLargeError, TransportError

TOO_LARGE = 413
AWAY = frozenset({429, 502, 503, 504})
"""Statuses of a webhook that takes nothing now; every other status is about the request."""
FOR_GOOD = frozenset({400, 402, 405, 406, 410, 411, 412, 414, 415, 416, 417, 418, 422, 424, 431, 451, 501, 505})
"""Statuses that are final. Those that somebody may fix are not: 401, 403, 404, 500, redirects."""
TIMEOUT = ClientTimeout(total=30)


def _error(status: int) -> TransportError:
    said = f"the webhook answered {status}"
    if status == TOO_LARGE:
        return TooLargeError(said)
    if status in AWAY:
        return TransportError(said)
    return RejectedError(said) if status in FOR_GOOD else RefusedError(said)


def open_socket(address: AddrInfoType) -> socket.socket:
    """Return a socket to connect with; the webhook may be private, but no metadata service.

    Raises OSError.
    """
    family, kind, protocol, _, (host, *_) = address
    if not is_allowed(str(host), OWN):
        raise OSError(errno.EACCES, f"{host} is neither public nor in a private network")
    return socket.socket(family=family, type=kind, proto=protocol)


class Webhook:
    """Posts results and events, signed if there is a secret; a 2xx response means delivered."""

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._secret = url, secret.encode()
        self._client: ClientSession | None = None

    def __bool__(self) -> bool:
        return bool(self._url)

    async def post(self, kind: str, identity: str, body: bytes) -> None:
        """Post one result or event.

        Raises TransportError.
        """
        if self._client is None:
            connector = TCPConnector(socket_factory=open_socket)
            self._client = ClientSession(timeout=TIMEOUT, connector=connector)
        headers = {"Content-Type": "application/json", "Pdfspider-Event": kind, "Pdfspider-Id": identity}
        if self._secret:
            digest = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
            headers["Pdfspider-Signature"] = f"sha256={digest}"
        request = self._client.post(self._url, data=body, headers=headers, allow_redirects=False)
        try:
            async with request as response:
                if not 200 <= response.status < 300:
                    raise _error(response.status)
        except (ClientError, TimeoutError, OSError) as error:
            raise TransportError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close the client."""
        if self._client:
            await self._client.close()
