"""Host names: their normal spelling, and their registered domain."""

from __future__ import annotations

import re
import socket
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import unquote

import idna

if TYPE_CHECKING:
    from tldextract import TLDExtract

_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}").fullmatch
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*").fullmatch
_ADDRESS = re.compile(r"\[.*\]|[0-9.]+").fullmatch
_LONGEST_NAME = 253


@cache
def _suffixes() -> TLDExtract:
    from tldextract import TLDExtract  # noqa: PLC0415 - slow to load, and only scope=domain needs it

    return TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)


def normal_host(host: str) -> str:
    """Return the host in lower case and punycode, without a trailing dot.

    IP addresses get their usual form, IPv6 in brackets. Raises ValueError with the reason if browsers would refuse the
    host too.
    """
    if host.startswith("["):
        return _normal_ipv6(host)
    name = _ascii_name(unquote(host)).removesuffix(".")
    if not _NAME(name) or len(name) > _LONGEST_NAME:
        raise ValueError("the host name is not valid")
    if _NUMBER(name.rpartition(".")[2]):
        return _normal_ipv4(name)
    return name


def _ascii_name(host: str) -> str:
    if host.isascii():
        return host.lower()
    if len(host) > _LONGEST_NAME:
        raise ValueError("the host name is too long")
    return _international(host)


@lru_cache(maxsize=4_096)
def _international(host: str) -> str:
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"the host is not a valid international name ({error})") from None


def _normal_ipv4(name: str) -> str:
    try:
        return str(IPv4Address(socket.inet_aton(name)))
    except OSError:
        raise ValueError("the host is not a valid IPv4 address") from None


def _normal_ipv6(host: str) -> str:
    try:
        address = IPv6Address(host[1:].removesuffix("]"))
    except ValueError:
        address = None
    if address is None or address.scope_id is not None or not host.endswith("]"):
        raise ValueError("the host is not a valid IPv6 address")
    return f"[{address}]"


def is_address(host: str) -> bool:
    """Return whether a normal host is an IP address."""
    return _ADDRESS(host) is not None


@lru_cache(maxsize=65_536)
def registered_domain(host: str) -> str:
    """Return the domain that its owner registered: ``example.co.uk`` of ``www.example.co.uk``.

    The Public Suffix List decides, with its private part, so that the customers of a hosting domain stay apart. IP
    addresses, names without a known suffix and suffixes are their own registered domain.
    """
    if is_address(host):
        return host
    return _suffixes()(host).top_domain_under_public_suffix or host
