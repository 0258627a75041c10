"""Requests by the HTTP client alone, without a crawl."""

from __future__ import annotations

from contextlib import asynccontextmanager
from math import inf
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from pdfspider.crawl.fetch.client.client import Client, ClientRequest
from pdfspider.crawl.fetch.request_start import RequestStart, StartReporter, Timeouts
from pdfspider.crawl.fetch.start_permits import StartPermits
from pdfspider.discovery.addresses import OWN_BLOCK, PUBLIC_BLOCK
from pdfspider.frontier.leases import Lease, LeaseKind
from pdfspider.frontier.reach import with_block

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pdfspider.crawl.fetch.client.options import Option
    from pdfspider.crawl.fetch.client.transfer import Transfer


PATIENCE = Timeouts(60, 60, 60)


def starts_until(valid_until: float) -> StartPermits:
    """Return the starts of a worker whose leases pass at that time of the monotonic clock."""
    unused = cast("Any", None)
    return StartPermits(cast("Any", SimpleNamespace(valid_until=valid_until)), unused, unused, unused)


def start(
    url: str,
    timeouts: Timeouts = PATIENCE,
    *,
    public: bool = False,
    networks: str | None = "",
    starts: StartReporter | None = None,
) -> RequestStart:
    lease = Lease("1", 1, LeaseKind.URL, starts_at=0, report=False, deliveries=1, expiries=0, entry=None)
    lease.reach = with_block(lease.reach, PUBLIC_BLOCK if public else OWN_BLOCK)
    return RequestStart(url, lease, starts or starts_until(inf), timeouts, networks)


@asynccontextmanager
async def client(*options: Option, **headers: str) -> AsyncIterator[Client]:
    made = Client(headers, options)
    try:
        yield made
    finally:
        await made.close()


async def get(
    client: Client, url: str, request_start: RequestStart | None = None, **how: Any
) -> tuple[Transfer, bytes]:
    """The transfer, which is closed, and the body."""
    transfer = await client.send(ClientRequest(url, **how), request_start or start(url))
    try:
        assert transfer.headers is not None
        assert transfer.is_measured in (True, False)
        return transfer, b"".join([chunk async for chunk in chunks(transfer)])
    finally:
        transfer.close()


async def chunks(transfer: Transfer) -> AsyncIterator[bytes]:
    while chunk := await transfer.next():
        yield chunk
