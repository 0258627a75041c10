"""Host names: their normal spelling, and their registered domain."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from ada_url import URL

if TYPE_CHECKING:
    from tldextract import TLDExtract

_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}").fullmatch
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*").fullmatch
_NO_HOST = re.compile(r"[\x00-\x20/?#@\\]|:(?![^\[]*\])").search
_REFUSED = re.compile(r"https?:[/\\]*([^/\\?#]*)", re.IGNORECASE).match
_PORT = re.compile(r":(?![^\[]*\])")
_PORT_NUMBER = re.compile(r"0*+[0-9]{0,5}").fullmatch
_HIGHEST_PORT = 65_535
_ADDRESS = re.compile(r"\[.*\]|[0-9.]+").fullmatch
_LONGEST_NAME = 253


@cache
def _suffixes() -> TLDExtract:
    from tldextract import TLDExtract  # slow to load, and only scope=domain needs it

    return TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)


def normal_host(host: str) -> str:
    """Return the host in lower case and punycode, without a trailing dot.

    IP addresses get their usual form, IPv6 in brackets. Raises ValueError with the reason if browsers would refuse the
    host too.
    """
    if _NO_HOST(host):
        raise ValueError("the host name is not valid")
    try:
        return checked_name(URL(f"http://{host}/").hostname)
    except ValueError as error:
        known = str(error).startswith("the host")
        raise ValueError(str(error) if known else reason_against(f"http://{host}/")) from None


def checked_name(host: str) -> str:
    """Return a parsed host without the dot at its end. Raises ValueError for a name that DNS cannot have."""
    if host.startswith("["):
        return host
    name = host.removesuffix(".")
    if not _NAME(name) or len(name) > _LONGEST_NAME:
        raise ValueError("the host name is not valid")
    return name


def reason_against(url: str) -> str:
    """Return why browsers refuse a URL that they do not understand."""
    parts = _REFUSED(url)
    if parts is None:
        return "it does not begin with http:// or https://"
    host, *ports = _PORT.split(parts[1].rpartition("@")[2], 1)
    port = ports[0] if ports else ""
    if port and (not _PORT_NUMBER(port) or int(port) > _HIGHEST_PORT):
        return "its host or port is malformed"
    if not host:
        return "it has no host"
    if host.startswith("["):
        return "the host is not a valid IPv6 address"
    if _NUMBER(host.removesuffix(".").rpartition(".")[2].lower()):
        return "the host is not a valid IPv4 address"
    return "the host name is not valid" if host.isascii() else "the host is not a valid international name"


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
