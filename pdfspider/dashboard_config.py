"""The dashboard's part of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from pdfspider.exceptions import ConfigurationError
from pdfspider.web.loopback import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardConfig:
    """The address of the dashboard, and the token that its users show."""

    host: str = "127.0.0.1"
    port: int = 6090
    cert: str = ""
    """The file of the certificate, with TLS."""
    key: str = ""
    token: str = ""
    tls_terminated: bool = False
    """True if a proxy terminates TLS, so that http:// may listen beyond loopback."""
    beside: bool = False
    """Whether a worker starts it."""

    @property
    def url(self) -> str:
        """The URL of the first page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.cert else 'http'}://{host}:{self.port}"

    @classmethod
    def read(cls, url: str, token: str, *, tls_terminated: bool, beside: bool) -> DashboardConfig:
        """Return the configuration for ``http://HOST:PORT`` or ``https://HOST:PORT?cert=FILE&key=FILE``.

        Raises ConfigurationError.
        """
        host, port, files = _address(url)
        read = cls(host=host, port=port, **files, token=token, tls_terminated=tls_terminated, beside=beside)
        if is_loopback(host):
            return read
        if not token:
            raise ConfigurationError(f"DASHBOARD_URL={url!r} is beyond this machine: DASHBOARD_TOKEN is needed")
        if not (read.cert or tls_terminated):
            raise ConfigurationError(
                f"DASHBOARD_URL={url!r} would have DASHBOARD_TOKEN sent in clear: take https://…?cert=FILE&key=FILE, "
                "or set DASHBOARD_TLS_TERMINATED=True where a proxy in front has the TLS"
            )
        return read


def _address(url: str) -> tuple[str, int, dict[str, str]]:
    """Return host, port, and the files of the certificate.

    Raises ConfigurationError.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        files = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise ConfigurationError(f"DASHBOARD_URL={url!r} is no URL: {error}") from None
    plain = parts.path in ("", "/") and not parts.fragment and parts.username is None
    if parts.scheme not in ("http", "https") or not host or not plain:
        raise ConfigurationError(
            f"DASHBOARD_URL={url!r} is not http://HOST:PORT or https://HOST:PORT?cert=FILE&key=FILE"
        )
    if files.keys() - {"cert", "key"} or (parts.scheme == "https") != ("cert" in files):
        raise ConfigurationError(f"DASHBOARD_URL={url!r}: https:// needs ?cert=FILE&key=FILE, and takes nothing else")
    return host, 6090 if port is None else port, files
