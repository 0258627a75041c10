"""What a URL, and all that it leads to, may reach besides public addresses: a number that travels with it.

0 stands for public addresses only. The low bits are a block of addresses, of which the frontier knows no more than its
number; the others are the number of a list of networks, which the frontier keeps once.
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
    """Return the number of the list of networks; 0: there is none."""
    return reach >> BLOCK_BITS


def networks_number(networks: str) -> int:
    """Return the number of a list of networks: 24 bits of its hash, or 0 for an empty list."""
    return int.from_bytes(blake2b(networks.encode(), digest_size=3).digest()) or 1 if networks else 0
