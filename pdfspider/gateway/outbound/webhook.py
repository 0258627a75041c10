"""A webhook: results and events are posted to a URL of the master."""

from __future__ import annotations

from aiohttp import ClientError

from pdfspider.gateway.base import RefusedError, RejectedError, TooLargeError, TransportError
from pdfspider.notifications.webhook import WebhookClient

TOO_LARGE = 413
UNAVAILABLE_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses of a webhook that takes nothing now; every other status is about the request."""
FINAL_STATUSES = frozenset({400, 402, 405, 406, 410, 411, 412, 414, 415, 416, 417, 418, 422, 424, 431, 451, 501, 505})
"""Statuses that are final. Those that somebody may fix are not: 401, 403, 404, 500, redirects."""


def _error(status: int) -> TransportError:
    said = f"the webhook answered {status}"
    if status == TOO_LARGE:
        return TooLargeError(said)
    if status in UNAVAILABLE_STATUSES:
        return TransportError(said)
    return RejectedError(said) if status in FINAL_STATUSES else RefusedError(said)


class Webhook:
    """Posts results and events, signed if there is a secret; a 2xx response means delivered."""

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._client = url, WebhookClient(secret)

    def __bool__(self) -> bool:
        return bool(self._url)

    async def post(self, kind: str, identity: str, body: bytes) -> None:
        """Post one result or event.

        Raises TransportError.
        """
        try:
            status = await self._client.post(self._url, kind, identity, body)
        except (ClientError, TimeoutError, OSError) as error:
            raise TransportError(f"{type(error).__name__}: {error}") from error
        if not 200 <= status < 300:
            raise _error(status)

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()
