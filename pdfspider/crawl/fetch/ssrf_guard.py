"""The addresses that a URL may reach, decided when it is submitted and checked when a connection is made."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from aiohttp import DefaultResolver

from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.crawl.fetch.request_start import RequestStart
from pdfspider.discovery.addresses import OWN, is_allowed, literal_address, own_block
from pdfspider.frontier.reach import block_of, with_block
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from aiohttp import AddrInfoType

    from pdfspider.frontier.leases import Lease


def open_socket(address: AddrInfoType) -> socket.socket:
    """Return a socket to connect with, if the request that is about to start may reach this address.

    At this point every name has been resolved, again at each redirect. Raises OSError.
    """
    family, kind, protocol, _, (host, *_) = address
    request_start = RequestStart.current.get(None)
    if request_start and not request_start.may_reach(str(host)):
        raise OSError(request_start.refused)
    return socket.socket(family=family, type=kind, proto=protocol)


async def look_behind_proxy(host: str, lease: Lease, networks: str, *, resolve: bool) -> None:
    """Check what a proxy is about to be asked for: an address, or a name if names are resolved here too.

    A name that is not known here is left to the proxy. Raises FetchError.
    """
    literal = literal_address(host)
    addresses = [literal] if literal else await _addresses_of(host) if resolve else []
    for address in addresses:
        if not is_allowed(address, block_of(lease.reach), networks):
            raise FetchError(Outcome.OUT_OF_SCOPE, f"{address} is not a public address")
    if addresses and block_of(lease.reach) == OWN:
        lease.settle_reach(with_block(lease.reach, own_block(addresses[0])))


async def _addresses_of(host: str) -> list[str]:
    resolver = DefaultResolver()
    try:
        return [found["host"] for found in await resolver.resolve(host, family=socket.AF_UNSPEC)]
    except OSError:
        return []
    finally:
        await resolver.close()
