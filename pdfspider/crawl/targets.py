"""What addresses a job may ask: those of a master only public ones, unless the gateway's settings say otherwise."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from pdfspider.crawl.departures import Departure
from pdfspider.discovery.addresses import is_allowed

if TYPE_CHECKING:
    from aiohttp import AddrInfoType


def open_socket(address: AddrInfoType) -> socket.socket:
    """A socket to connect with, where the job of the request that is about to leave may ask this address.

    Here every name has been resolved, at each redirect anew. Raises OSError.
    """
    family, kind, protocol, _, (host, *_) = address
    departure = Departure.current.get(None)
    if departure and departure.targets and not is_allowed(str(host), departure.targets):
        departure.refused = f"{host} is not a public address"
        raise OSError(departure.refused)
    return socket.socket(family=family, type=kind, proto=protocol)
