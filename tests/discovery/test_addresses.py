"""Which addresses are public, and what a block or a named network adds to them."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pdfspider.discovery.addresses import (
    OWN_BLOCK,
    PRIVATE_BLOCKS,
    PUBLIC_BLOCK,
    RESERVED_NETWORKS,
    is_allowed,
    own_block,
    refuse_private,
)
from pdfspider.exceptions import InvalidInput

PUBLIC_ADDRESSES = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.1.1.1 128.0.0.1 168.63.129.15 168.63.129.17
    169.253.1.1 169.255.0.1 172.15.0.1 172.32.0.1 192.0.1.1 192.167.1.1 192.169.0.1 198.17.1.1 198.20.0.1 223.255.255.1
    2001:4860:4860::8888 2606:4700::1111 2a00:1450:4001::200e 2400:cb00::1 ::ffff:8.8.8.8 64:ff9b::808:808
    2002:808:808::1
"""
NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 100.100.100.200 127.0.0.1 127.255.255.254
    168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.0.192 192.0.2.1
    192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:10.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254
    ::ffff:0:8.8.8.8
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 64:ff9b:1:ffff::808:808 100::1 100:0:0:1::1 2001::1
    2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1
    2002:c0a8:101::1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fd12:3456::1 fd20:ce::254 fe80::1 fe80::1%eth0
    febf::1 fec0::1 feff::1 ff02::1 ff0e::1
"""


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES.split())
def test_public_addresses_need_nothing(address: str) -> None:
    assert is_allowed(address)
    assert own_block(address) == PUBLIC_BLOCK


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_all_others_are_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("127.0.0.1", "127.0.0.0/8"),
        ("::ffff:127.9.9.9", "127.0.0.0/8"),
        ("::1", "::1/128"),
        ("10.2.3.4", "10.0.0.0/8"),
        ("64:ff9b::a02:304", "10.0.0.0/8"),
        ("172.31.0.1", "172.16.0.0/12"),
        ("192.168.7.7", "192.168.0.0/16"),
        ("100.64.0.1", "100.64.0.0/10"),
        ("198.18.0.7", "198.18.0.0/15"),
        ("fd12::1", "fc00::/7"),
        ("fec0::1", "fec0::/10"),
    ],
)
def test_a_private_address_opens_its_own_block_only(address: str, block: str) -> None:
    number = own_block(address)
    assert str(PRIVATE_BLOCKS[number]) == block
    for other in NOT_PUBLIC.split():
        inside = own_block(other) == number
        assert is_allowed(other, number) == inside, other
        assert is_allowed(other, OWN_BLOCK) == (own_block(other) != PUBLIC_BLOCK), other


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "168.63.129.16",
        "fd00:ec2::254",
        "100.100.100.200",
        "192.0.0.192",
    ],
)
def test_link_local_addresses_and_metadata_are_reached_only_where_they_are_named(address: str) -> None:
    assert own_block(address) == PUBLIC_BLOCK
    assert not any(is_allowed(address, block) for block in (PUBLIC_BLOCK, OWN_BLOCK, *PRIVATE_BLOCKS))
    assert not is_allowed(address, OWN_BLOCK, "0.0.0.0/0 ::/0 fc00::/7 100.64.0.0/10")
    assert is_allowed(address, PUBLIC_BLOCK, " ".join(map(str, RESERVED_NETWORKS)))


def test_named_networks_are_added_to_what_is_public() -> None:
    named = "10.1.0.0/16 fd12::/16"
    assert is_allowed("10.1.2.3", PUBLIC_BLOCK, named)
    assert is_allowed("::ffff:10.1.2.3", PUBLIC_BLOCK, named)
    assert is_allowed("fd12::1", PUBLIC_BLOCK, named)
    assert is_allowed("8.8.8.8", PUBLIC_BLOCK, named)
    assert not is_allowed("10.2.2.3", PUBLIC_BLOCK, named)
    assert not is_allowed("127.0.0.1", PUBLIC_BLOCK, named)


def test_numbers_of_blocks_stay_what_they_are() -> None:
    """They stand in the queues of frontiers that live on."""
    assert [str(network) for network in PRIVATE_BLOCKS.values()][:3] == ["127.0.0.0/8", "::1/128", "10.0.0.0/8"]
    assert list(PRIVATE_BLOCKS) == list(range(2, len(PRIVATE_BLOCKS) + 2))
    assert max(PRIVATE_BLOCKS) < 16
    assert not [
        one
        for one in PRIVATE_BLOCKS.values()
        for other in PRIVATE_BLOCKS.values()
        if one != other and _overlap(one, other)
    ]


def _overlap(one: object, other: object) -> bool:
    a, b = ip_network(one), ip_network(other)
    return a.version == b.version and a.overlaps(b)


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "[::1]", "192.168.1.1", "[fe80::1]"])
def test_hosts_that_are_refused_by_their_spelling(host: str) -> None:
    with pytest.raises(InvalidInput, match="not a public address"):
        refuse_private(host)


@pytest.mark.parametrize("host", ["example.org", "8.8.8.8", "[2606:4700::1111]", "localhost.example"])
def test_hosts_that_have_to_be_resolved_or_are_public(host: str) -> None:
    refuse_private(host)
