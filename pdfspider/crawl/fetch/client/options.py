"""The options of libcurl that follow from Scrapy's settings, and from a request's proxy."""

from __future__ import annotations

import base64
import binascii
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import certifi
import pycurl
from scrapy.utils.url import add_http_if_no_scheme

from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy import Request
    from scrapy.settings import BaseSettings

Option: TypeAlias = tuple[int, Any]

MIN_TLS_VERSIONS = {
    "TLSv1.0": pycurl.SSLVERSION_TLSv1_0,
    "TLSv1.1": pycurl.SSLVERSION_TLSv1_1,
    "TLSv1.2": pycurl.SSLVERSION_TLSv1_2,
    "TLSv1.3": pycurl.SSLVERSION_TLSv1_3,
}
MAX_TLS_VERSIONS = {
    "TLSv1.0": pycurl.SSLVERSION_MAX_TLSv1_0,
    "TLSv1.1": pycurl.SSLVERSION_MAX_TLSv1_1,
    "TLSv1.2": pycurl.SSLVERSION_MAX_TLSv1_2,
    "TLSv1.3": pycurl.SSLVERSION_MAX_TLSv1_3,
}
RESOLVED_BY_PROXY = {"socks5": "socks5h", "socks4": "socks4a"}
"""As for a proxy of HTTP, names are resolved behind it: here nobody would look at the addresses."""


def client_options(settings: BaseSettings, connect_timeout: float) -> tuple[Option, ...]:
    """Return the options of all requests.

    Raises ConfigurationError.
    """
    return (
        (pycurl.CONNECTTIMEOUT_MS, max(1, round(connect_timeout * 1000))),
        *_tls(settings),
        *_bind_address(settings["DOWNLOAD_BIND_ADDRESS"]),
    )


def _tls(settings: BaseSettings) -> Iterator[Option]:
    oldest = _version(settings, "DOWNLOAD_TLS_MIN_VERSION", MIN_TLS_VERSIONS)
    yield pycurl.SSLVERSION, oldest | _version(settings, "DOWNLOAD_TLS_MAX_VERSION", MAX_TLS_VERSIONS)
    if ciphers := settings["DOWNLOADER_CLIENT_TLS_CIPHERS"]:
        yield pycurl.SSL_CIPHER_LIST, ciphers
        yield pycurl.PROXY_SSL_CIPHER_LIST, ciphers
    if settings.getbool("DOWNLOAD_VERIFY_CERTIFICATES"):
        yield from _trusted()
        return
    for option in (
        pycurl.SSL_VERIFYPEER,
        pycurl.SSL_VERIFYHOST,
        pycurl.PROXY_SSL_VERIFYPEER,
        pycurl.PROXY_SSL_VERIFYHOST,
    ):
        yield option, 0


def _version(settings: BaseSettings, name: str, versions: dict[str, int]) -> int:
    version = settings[name]
    if version is None:
        return int(pycurl.SSLVERSION_DEFAULT)
    if version not in versions:
        raise ConfigurationError(f"{name}={version!r} is none of {', '.join(versions)}")
    return int(versions[version])


def _trusted() -> Iterator[Option]:
    """Return the certificates that are trusted: the system's, as Python finds them, or else those of certifi."""
    paths = ssl.get_default_verify_paths()
    file = paths.cafile or (None if paths.capath and any(Path(paths.capath).iterdir()) else certifi.where())
    if file:
        yield pycurl.CAINFO, file
        yield pycurl.PROXY_CAINFO, file
    if paths.capath:
        yield pycurl.CAPATH, paths.capath
        yield pycurl.PROXY_CAPATH, paths.capath


def _bind_address(given: str | tuple[str, int] | None) -> Iterator[Option]:
    """Return the options for DOWNLOAD_BIND_ADDRESS: an address, or an address and a port."""
    address, port = (given, 0) if isinstance(given, str) else (given or ("", 0))
    if address:
        yield pycurl.INTERFACE, f"host!{address}"
    if port:
        yield pycurl.LOCALPORT, port


def proxy_options(request: Request) -> tuple[Option, ...]:
    """Return the options for the proxy that is named in a request's meta, with the user of its Proxy-Authorization.

    Raises FetchError for an authorization that is not Basic.
    """
    scheme, _, rest = add_http_if_no_scheme(request.meta["proxy"]).partition("://")
    proxy = (pycurl.PROXY, f"{RESOLVED_BY_PROXY.get(scheme.lower(), scheme)}://{rest}")
    is_asked = scheme.lower() in ("http", "https") and not request.url.startswith("https:")
    tunnel = (pycurl.HTTPPROXYTUNNEL, int(not is_asked))
    given = request.headers.get(b"Proxy-Authorization")
    if not given:
        return proxy, tunnel
    kind, _, token = given.partition(b" ")
    try:
        user, _, password = base64.b64decode(token.strip(), validate=True).partition(b":")
    except binascii.Error:
        kind = b""
    if kind.lower() != b"basic":
        raise FetchError(Outcome.INTERNAL_ERROR, "Proxy-Authorization is not Basic")
    return proxy, tunnel, (pycurl.PROXYUSERNAME, user), (pycurl.PROXYPASSWORD, password)
