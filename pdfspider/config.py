"""The configuration, read from the settings once."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pdfspider.dashboard_config import DashboardConfig
from pdfspider.discovery.bounds import Bounds
from pdfspider.discovery.links import Discovery
from pdfspider.discovery.markup.robots_directives import DIRECTIVES, robot_names
from pdfspider.documents.inspection.limits import LEAST_MEMORY, InspectionLimits
from pdfspider.documents.paths import LAYOUTS
from pdfspider.exceptions import ConfigurationError
from pdfspider.fields import as_mapping, as_number, as_switch, as_whole, as_words, number, read, switch, whole
from pdfspider.frontier.gates import Gates
from pdfspider.gateway_config import GatewayConfig
from pdfspider.masking import masked_url
from pdfspider.notification_config import NotificationConfig

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

SPIDER_NAME = "pdfs"


def _data_dir(settings: BaseSettings) -> Path:
    return Path(str(settings["DATA_DIR"])).absolute()


def _sqlite_at(path: Path) -> str:
    """Return the URL of a SQLite database; paths may contain a percent sign, as Jenkins's do.

    Raises ConfigurationError for a path that is not UTF-8.
    """
    try:
        return f"sqlite:///{quote(str(path), safe='/ :#@+')}"
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"DATA_DIR={str(path.parent)!r} is not UTF-8: choose another, or set DATABASE_URL"
        ) from None


def _embedded_maxmemory(settings: BaseSettings) -> int | None:
    return None if settings["EMBEDDED_REDIS_MAXMEMORY"] is None else as_whole(settings, "EMBEDDED_REDIS_MAXMEMORY")


def _start_urls(settings: BaseSettings) -> str:
    pattern = settings["REDIS_START_URLS_KEY"]
    with suppress(KeyError, TypeError, ValueError):
        if key := pattern % {"name": SPIDER_NAME}:
            return str(key)
    raise ConfigurationError(f"REDIS_START_URLS_KEY={pattern!r} is no key: a name, in which %(name)s may stand")


def _user_agent(settings: BaseSettings, name: str = "USER_AGENT") -> str:
    agent = str(settings[name] or "")
    if not agent.strip() or not agent.isprintable():
        raise ConfigurationError(f"{name}={agent!r} names nobody: it must be a line of text")
    return agent


def _robots_agent(settings: BaseSettings) -> str:
    """Return the name by which the rules of a robots.txt are chosen."""
    return _user_agent(settings, "USER_AGENT" if settings["ROBOTSTXT_USER_AGENT"] is None else "ROBOTSTXT_USER_AGENT")


def _tries(name: str) -> Any:
    """Return a field of further tries: none where ``RETRY_ENABLED`` is off."""
    return read(lambda settings: as_whole(settings, name) * as_switch(settings, "RETRY_ENABLED"))


def _retry_codes(settings: BaseSettings) -> frozenset[int]:
    codes = as_words(settings, "RETRY_HTTP_CODES")
    for code in codes:
        if not re.fullmatch("[1-5][0-9][0-9]", code):
            raise ConfigurationError(f"RETRY_HTTP_CODES: {code!r} is not a status of HTTP")
    return frozenset(map(int, codes))


def _discovery(settings: BaseSettings) -> Discovery:
    bounds = Bounds(as_whole(settings, "PDF_LINKS_PER_PAGE"), as_whole(settings, "PDF_LINKS_MAX_SIZE"))
    off, site_rules = as_words(settings, "PDF_TECHNIQUES_OFF"), as_mapping(settings, "PDF_SITE_RULES")
    return Discovery(off, site_rules, bounds, robot_names(_robots_agent(settings)))


def _obeyed_directives(settings: BaseSettings) -> frozenset[str]:
    directives = frozenset(as_words(settings, "PDF_ROBOTS_DIRECTIVES"))
    if unknown := directives - DIRECTIVES:
        names = ", ".join(sorted(DIRECTIVES))
        raise ConfigurationError(f"PDF_ROBOTS_DIRECTIVES: {min(unknown)!r} cannot be obeyed; it may have {names}")
    return directives


def _file_names(settings: BaseSettings) -> str:
    names = str(settings["PDF_FILE_NAMES"])
    if names not in LAYOUTS:
        raise ConfigurationError(f"PDF_FILE_NAMES={names!r} is none of {', '.join(LAYOUTS)}")
    return names


def _gates(settings: BaseSettings) -> Gates:
    number = partial(as_number, settings)
    concurrency = number("AUTOTHROTTLE_TARGET_CONCURRENCY", least=0.01)
    return Gates(
        backoff=number("FRONTIER_BACKOFF"),
        longest_backoff=number("FRONTIER_BACKOFF_MAX"),
        breaker_failures=as_whole(settings, "FRONTIER_BREAKER_FAILURES"),
        breaker_seconds=number("FRONTIER_BREAKER_SECONDS"),
        breaker_openings=as_whole(settings, "FRONTIER_BREAKER_OPENINGS"),
        concurrency=concurrency if as_switch(settings, "AUTOTHROTTLE_ENABLED") else 0.0,
        first_delay=number("AUTOTHROTTLE_START_DELAY"),
        longest_delay=number("AUTOTHROTTLE_MAX_DELAY"),
        patience=number("FRONTIER_HOST_PATIENCE"),
    )


def _limits(settings: BaseSettings) -> InspectionLimits:
    return InspectionLimits(
        timeout=as_number(settings, "PDF_INSPECT_TIMEOUT", least=0.1),
        memory=as_whole(settings, "PDF_INSPECT_MEMORY", least=LEAST_MEMORY),
        text=as_switch(settings, "PDF_INSPECT_TEXT"),
        links=as_switch(settings, "PDF_INSPECT_LINKS"),
        thumbnail=as_switch(settings, "PDF_INSPECT_THUMBNAIL"),
    )


def _gateway(settings: BaseSettings) -> GatewayConfig:
    number = partial(as_whole, settings)
    return GatewayConfig(
        urls=as_words(settings, "GATEWAY_URLS"),
        depth=number("GATEWAY_DEPTH"),
        message_size=number("GATEWAY_MESSAGE_MAX_SIZE"),
        urls_per_message=number("GATEWAY_URLS_PER_MESSAGE"),
        unacknowledged=number("GATEWAY_UNACKNOWLEDGED", least=1),
        open_jobs=number("GATEWAY_OPEN_JOBS"),
        listed=number("GATEWAY_RESULT_ENTRIES"),
        result_size=number("GATEWAY_RESULT_MAX_SIZE"),
        networks=_networks(settings, "GATEWAY_NETWORKS"),
        token=settings["GATEWAY_TOKEN"] or "",
        tls_terminated=as_switch(settings, "GATEWAY_TLS_TERMINATED"),
        connections=number("GATEWAY_CONNECTIONS"),
        connections_per_address=number("GATEWAY_CONNECTIONS_PER_ADDRESS"),
        client_timeout=as_number(settings, "GATEWAY_CLIENT_TIMEOUT"),
        keep_alive=as_number(settings, "GATEWAY_KEEP_ALIVE"),
        webhook=settings["GATEWAY_WEBHOOK"] or "",
        webhook_secret=settings["GATEWAY_WEBHOOK_SECRET"] or "",
    )


def _dashboard(settings: BaseSettings) -> DashboardConfig:
    return DashboardConfig.read(
        str(settings["DASHBOARD_URL"]),
        str(settings["DASHBOARD_TOKEN"] or ""),
        tls_terminated=as_switch(settings, "DASHBOARD_TLS_TERMINATED"),
        beside=as_switch(settings, "DASHBOARD"),
    )


def _metrics_address(settings: BaseSettings) -> tuple[str, int] | None:
    url = settings["METRICS_URL"]
    if not url:
        return None
    with suppress(ValueError):
        parts = urlsplit(str(url))
        if parts.scheme == "http" and parts.hostname and parts.port and parts.path in ("", "/") and not parts.query:
            return parts.hostname, parts.port
    raise ConfigurationError(f"METRICS_URL={url!r} is not http://HOST:PORT")


def _networks(settings: BaseSettings, name: str) -> tuple[str, ...]:
    """Return the networks of a setting, in their usual spelling and order."""
    try:
        networks = {ip_network(network) for network in as_words(settings, name)}
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    return tuple(sorted(map(str, networks)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The configuration, with times in seconds and sizes in bytes.

    Each field names the function that reads it from the settings.
    """

    data_dir: Path = read(_data_dir)
    files_store: str = read(lambda settings: str(settings["FILES_STORE"] or _data_dir(settings) / "files"))
    database_url: str = read(lambda settings: settings["DATABASE_URL"] or _sqlite_at(_data_dir(settings) / "pdfs.db"))
    redis_url: str | None = read(lambda settings: settings["REDIS_URL"] or None)
    embedded_maxmemory: int | None = read(_embedded_maxmemory)
    redis_params: dict[str, Any] = read(lambda settings: as_mapping(settings, "REDIS_PARAMS"))
    start_urls: str = read(_start_urls)
    user_agent: str = read(_user_agent)
    robots_agent: str = read(_robots_agent)

    obey_robots: bool = switch("ROBOTSTXT_OBEY")
    robot_names: frozenset[str] = read(lambda settings: robot_names(_robots_agent(settings)))
    obeyed_directives: frozenset[str] = read(_obeyed_directives)
    delay: float = number("DOWNLOAD_DELAY")
    host_cap: int = whole("CONCURRENT_REQUESTS_PER_DOMAIN", least=1)
    concurrency: int = whole("CONCURRENT_REQUESTS", least=1)
    depth: int = whole("DEPTH_LIMIT")

    discovery: Discovery = read(_discovery)
    sitemaps: bool = switch("PDF_SITEMAPS")
    document_limit: int = whole("DOWNLOAD_MAXSIZE")
    staging_limit: int = whole("PDF_STAGING_MAX_SIZE")
    page_limit: int = whole("PDF_PAGE_MAX_SIZE", least=1024)
    max_inflation: int = whole("PDF_MAX_INFLATION", least=1)
    file_names: str = read(_file_names)
    verify_uploads: bool = switch("PDF_VERIFY_UPLOADS")
    connect_timeout: float = number("PDF_CONNECT_TIMEOUT", least=0.01)
    allowed_networks: str = read(lambda settings: " ".join(_networks(settings, "PDF_ALLOWED_NETWORKS")))
    resolve_for_proxy: bool = switch("PDF_RESOLVE_FOR_PROXY")
    answer_timeout: float = number("DOWNLOAD_TIMEOUT", least=0.01)
    idle_timeout: float = number("PDF_IDLE_TIMEOUT", least=0.01)
    minimum_rate: float = number("PDF_MINIMUM_RATE")
    redirects: bool = switch("REDIRECT_ENABLED")
    max_redirects: int = whole("REDIRECT_MAX_TIMES")
    cookies: bool = switch("COOKIES_ENABLED")
    url_length: int = whole("URLLENGTH_LIMIT")
    redirects_out: int = whole("PDF_REDIRECTS_OUT")
    referer: bool = switch("REFERER_ENABLED")
    only_if_changed: bool = switch("PDF_ONLY_IF_CHANGED")
    revisit_after: float = number("PDF_REVISIT_AFTER", least=1)
    revisit_max: float = number("PDF_REVISIT_MAX", least=1)
    traps: bool = switch("PDF_TRAPS")
    pages_per_pattern: int = whole("PDF_PAGES_PER_PATTERN")
    pages_per_host: int = whole("PDF_PAGES_PER_HOST")
    links_per_page: int = whole("PDF_LINKS_PER_PAGE")
    links_size: int = whole("PDF_LINKS_MAX_SIZE")
    resumes: int = whole("PDF_RESUME_TIMES")
    polls: int = _tries("PDF_POLL_TIMES")

    retries: int = _tries("RETRY_TIMES")
    retry_codes: frozenset[int] = read(_retry_codes)
    retry_delay: float = number("FRONTIER_RETRY_DELAY")
    gates: Gates = read(_gates)

    inspect: bool = switch("PDF_INSPECT")
    inspect_processes: int = whole("PDF_INSPECT_PROCESSES", least=1)
    inspect_patience: float = number("PDF_INSPECT_PATIENCE")
    inspect_limits: InspectionLimits = read(_limits)

    lease_seconds: float = number("FRONTIER_LEASE_SECONDS", least=1)
    max_deliveries: int = whole("FRONTIER_MAX_DELIVERIES", least=1)
    max_seconds: float = number("FRONTIER_MAX_SECONDS")
    queue_max: int = whole("FRONTIER_QUEUE_MAX")
    lookahead: float = number("FRONTIER_LOOKAHEAD")
    robots_ttl: float = number("FRONTIER_ROBOTS_TTL", least=1)
    retention: float = number("FRONTIER_RETENTION")
    grace: float = number("FRONTIER_GRACE")

    gateway: GatewayConfig = read(_gateway)
    dashboard: DashboardConfig = read(_dashboard)

    notifications: NotificationConfig = read(NotificationConfig.read)
    metrics_address: tuple[str, int] | None = read(_metrics_address)

    progress_interval: float = number("LOGSTATS_INTERVAL")

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Config:
        """Return the configuration in the settings.

        Raises ConfigurationError that names the invalid setting.
        """
        return cls(**{each.name: each.metadata["reader"](settings) for each in fields(cls)})

    @property
    def shown_database(self) -> str:
        """The database's URL without its password."""
        return masked_url(self.database_url)

    @property
    def shown_store(self) -> str:
        """The document store's place without passwords."""
        return masked_url(self.files_store)

    @property
    def store_directory(self) -> Path | None:
        """The directory of the document store, None for an object store."""
        scheme, separator, rest = self.files_store.partition("://")
        if not separator:
            return Path(self.files_store).absolute()
        return Path(rest) if scheme == "file" else None

    @property
    def staging_root(self) -> Path:
        """The directory for staging: inside a directory store, else a local one."""
        return self.store_directory or self.data_dir / "files"
