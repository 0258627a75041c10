"""Decide which addresses may be reached: public ones, and those that the operator allows.

The tables are kept here, so that every version of Python gives the same answer. They follow IANA's registries of
special-purpose addresses (iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry) and of the IPv6
address space. A network that only protocols use does not count as public, even if a registry calls it globally
reachable.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pdfspider.discovery.hosts import is_address
from pdfspider.exceptions import InvalidInput

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PUBLIC_BLOCK = 0
"""The block that stands for public addresses only."""
OWN_BLOCK = 1
"""The block of an operator's seed whose name is not resolved yet; its address decides the block."""
PRIVATE_BLOCKS: dict[int, Network] = dict(
    enumerate(
        map(
            ip_network,
            (
                "127.0.0.0/8",
                "::1/128",
                "10.0.0.0/8",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "100.64.0.0/10",
                "198.18.0.0/15",
                "fc00::/7",
                "fec0::/10",
            ),
        ),
        OWN_BLOCK + 1,
    )
)
"""The private blocks by number. Queue entries contain the numbers, so add new blocks at the end, 14 at most."""

RESERVED_NETWORKS = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16",  # link-local, RFC 3927; the metadata services of most clouds
            "fe80::/10",  # link-local, RFC 4291
            "168.63.129.16/32",  # Azure's services of a virtual machine's host; public by all registries
            "100.100.100.200/32",  # Alibaba Cloud's metadata
            "192.0.0.192/32",  # Oracle Cloud's metadata, as it was
            "fd00:ec2::/32",  # AWS's metadata and resolver
            "fd20:ce::254/128",  # Google Cloud's metadata
        ),
    )
)
"""Networks that belong to no block; only a configured network inside of them can be reached."""

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network, RFC 791
            "10.0.0.0/8",  # private use, RFC 1918
            "100.64.0.0/10",  # shared by carriers, RFC 6598
            "127.0.0.0/8",  # loopback, RFC 1122
            "169.254.0.0/16",  # link-local, RFC 3927
            "172.16.0.0/12",  # private use, RFC 1918
            "192.0.0.0/24",  # protocol assignments, RFC 6890
            "192.0.2.0/24",  # documentation, RFC 5737
            "192.88.99.0/24",  # relays of 6to4, deprecated, RFC 7526
            "192.168.0.0/16",  # private use, RFC 1918
            "198.18.0.0/15",  # benchmarks, RFC 2544
            "198.51.100.0/24",  # documentation, RFC 5737
            "203.0.113.0/24",  # documentation, RFC 5737
            "224.0.0.0/4",  # multicast, RFC 5771
            "240.0.0.0/4",  # reserved, RFC 1112, and broadcast
            # Of IPv6 only 2000::/3 is global unicast; in it:
            "2001::/23",  # protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID, anycast of protocols
            "2001:db8::/32",  # documentation, RFC 3849
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")


@lru_cache(maxsize=65_536)
def is_allowed(address: str, block: int = PUBLIC_BLOCK, networks: str = "") -> bool:
    """Return whether an address is public, in this private block or in one of these networks."""
    ip = _judged(address)
    named = [network for network in map(ip_network, networks.split()) if ip in network]
    if reserved := [network for network in RESERVED_NETWORKS if ip in network]:
        return any(_is_inside(network, around) for network in named for around in reserved)
    own = number_of_block(ip)
    return bool(named) or _is_public(ip) or (own != PUBLIC_BLOCK and block in {OWN_BLOCK, own})


def _is_inside(network: Network, around: Network) -> bool:
    """Return whether all addresses of a network are in another one."""
    return network.prefixlen >= around.prefixlen and network.network_address in around


def own_block(address: str) -> int:
    """Return the number of the private block that an address is in, PUBLIC if there is none."""
    return number_of_block(_judged(address))


def number_of_block(ip: Address) -> int:
    """Return the number of the private block of an address, PUBLIC for a reserved or public one."""
    if any(ip in network for network in RESERVED_NETWORKS):
        return PUBLIC_BLOCK
    return next((number for number, network in PRIVATE_BLOCKS.items() if ip in network), PUBLIC_BLOCK)


def literal_address(host: str) -> str:
    """Return the address that a normal host spells out, "" if the host has to be resolved."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    return host.strip("[]") if is_address(host) else ""


def refuse_private(host: str, block: int = PUBLIC_BLOCK, networks: str = "") -> None:
    """Raise InvalidInput for a host that spells out an address that masters may not name."""
    address = literal_address(host)
    if address and not is_allowed(address, block, networks):
        raise InvalidInput(f"{host} is not a public address: masters may name it if its network is in GATEWAY_NETWORKS")


def _judged(address: str) -> Address:
    """Return the address itself, or the IPv4 address that an IPv6 address stands for."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _MAPPED or ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return IPv4Address(int(ip) >> 80 & 0xFFFFFFFF) if ip in _SIX_TO_FOUR else ip


def _is_public(ip: Address) -> bool:
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return not any(ip in network for network in _NOT_PUBLIC)
