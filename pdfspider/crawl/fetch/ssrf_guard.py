"""The addresses that a URL may reach, decided when it is submitted and checked when a connection is made."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

import pycurl

from pdfspider.crawl.fetch.client import open_files
from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.discovery.addresses import OWN_BLOCK, is_allowed, literal_address, own_block
from pdfspider.frontier.reach import block_of, with_block
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from pdfspider.crawl.fetch.request_start import RequestStart
    from pdfspider.frontier.leases import Lease


class _Socket(socket.socket):
    """A socket that libcurl takes a duplicate of, and that is closed when nobody has it any more."""

    def __del__(self) -> None:
        if hasattr(self, "_io_refs"):  # else there was none to open
            self.close()


def open_socket(start: RequestStart, _purpose: int, address: Any) -> socket.socket | int:
    """Return a socket to connect with, SOCKET_BAD if the request may not reach this address, or there is none.

    libcurl asks for each address of a name that it has resolved, before it connects.
    """
    if not start.may_reach(address.addr[0]):
        return int(pycurl.SOCKET_BAD)
    try:
        opened = _Socket(address.family, address.socktype, address.protocol)
        os.close(os.dup(opened.fileno()))  # as pycurl does, which tells nobody why it cannot
    except OSError as error:
        start.is_without_socket = error.errno in open_files.EXHAUSTED_ERRORS
        if start.is_without_socket:
            open_files.shortage.begin(error.strerror)
        return int(pycurl.SOCKET_BAD)
    start.is_without_socket = False
    open_files.shortage.end()
    return opened


async def look_behind_proxy(host: str, lease: Lease, networks: str, *, resolve: bool) -> None:
    """Check what a proxy is about to be asked for: an address, or a name if names are resolved here too.

    A name that is not known here is left to the proxy. Raises FetchError.
    """
    literal = literal_address(host)
    addresses = [literal] if literal else await addresses_of(host) if resolve else []
    for address in addresses:
        if not is_allowed(address, block_of(lease.reach), networks):
            raise FetchError(Outcome.OUT_OF_SCOPE, f"{address} is not a public address")
    if addresses and block_of(lease.reach) == OWN_BLOCK:
        lease.settle_reach(with_block(lease.reach, own_block(addresses[0])))


async def addresses_of(host: str) -> list[str]:
    """Return the addresses of a name, as the system resolves it."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]
