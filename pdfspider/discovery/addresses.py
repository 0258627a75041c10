"""Addresses that a master may not have asked: those that are not public."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from pdfspider.discovery.hosts import is_address
from pdfspider.exceptions import InvalidInput

PUBLIC = "public"
NAT64 = ip_network("64:ff9b::/96")


def is_allowed(address: str, targets: str) -> bool:
    """Whether ``targets``, as a job has them, allow this address: all where they are empty, else public ones and those
    in the networks that they name.
    """
    ip = _inner(ip_address(address.partition("%")[0]))
    public = not targets or (ip.is_global and not ip.is_multicast)
    return public or any(ip in ip_network(network) for network in targets.split() if network != PUBLIC)


def refuse_private(host: str, targets: str) -> None:
    """Raises InvalidInput for a host that is known by its name alone not to be allowed."""
    if host == "localhost" or host.endswith(".localhost"):
        address = "127.0.0.1"
    elif is_address(host):
        address = host.strip("[]")
    else:
        return  # whoever resolves the name judges the address
    if not is_allowed(address, targets):
        raise InvalidInput(f"{host} is not a public address")


def _inner(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
