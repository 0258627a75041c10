"""The reach of a URL and of all URLs found from it: the addresses allowed besides public ones.

The reach is a number that travels with the URL. 0 allows public addresses only. The low bits are the number of a block
of addresses, which the frontier does not interpret. The high bits are the number of a list of networks, which the
frontier stores once.
"""

from __future__ import annotations

from hashlib import blake2b

BLOCK_BITS = 4


def reach_with(block: int, networks: str = "") -> int:
    """Return the reach of a block and a list of networks, separated by spaces."""
    return block | networks_number(networks) << BLOCK_BITS


def block_of(reach: int) -> int:
    """Return the number of the block."""
    return reach & (1 << BLOCK_BITS) - 1


def with_block(reach: int, block: int) -> int:
    """Return the reach with another block."""
    return reach >> BLOCK_BITS << BLOCK_BITS | block


def networks_of(reach: int) -> int:
    """Return the number of the list of networks, 0 if there is none."""
    return reach >> BLOCK_BITS


def networks_number(networks: str) -> int:
    """Return the number of a list of networks: 24 bits of its hash, or 0 for an empty list."""
    return int.from_bytes(blake2b(networks.encode(), digest_size=3).digest()) or 1 if networks else 0
