"""The addresses that a submitted URL may reach, which differ for operators and masters."""

from __future__ import annotations

from pdfspider.discovery.addresses import OWN_BLOCK, PRIVATE_BLOCKS, PUBLIC_BLOCK, own_block
from pdfspider.discovery.hosts import is_address
from pdfspider.frontier.reach import reach_with

_NUMBERS = {str(network): number for number, network in PRIVATE_BLOCKS.items()}


def reach_of_operator(host: str, networks: str = "") -> int:
    """Return the reach of an operator's seed: the allowed networks, and its own block if it is private.

    The block of a name is that of the first address at which it is found.
    """
    return reach_with(own_block(host.strip("[]")) if is_address(host) else OWN_BLOCK, networks)


def reach_of_master(networks: str) -> int:
    """Return the reach of a master's URL; a single private block needs no list."""
    block = _NUMBERS.get(networks, PUBLIC_BLOCK)
    return block or reach_with(PUBLIC_BLOCK, networks)
