"""The settings, read once."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdfspider.discovery.links import Discovery
from pdfspider.documents.inspection.limits import LEAST_MEMORY, Limits
from pdfspider.exceptions import ConfigurationError
from pdfspider.frontier.connection import url_without_password
from pdfspider.frontier.gates import Gates
from pdfspider.gateway.config import GatewayConfig

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

SPIDER = "pdfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the settings say; times in seconds, sizes in bytes."""

    data_dir: Path
    files_store: str
    database_url: str
    redis_url: str | None
    redis_params: dict[str, Any]
    start_urls: str
    user_agent: str

    obey_robots: bool
    delay: float
    host_cap: int
    concurrency: int
    depth: int

    discovery: Discovery
    sitemaps: bool
    document_limit: int
    page_limit: int
    max_inflation: int
    verify_uploads: bool
    connect_timeout: float
    idle_timeout: float
    minimum_rate: float
    max_redirects: int
    only_if_changed: bool
    revisit_after: float
    revisit_max: float
    traps: bool
    pages_per_pattern: int
    pages_per_host: int
    links_per_page: int
    resumes: int
    polls: int

    retries: int
    retry_codes: frozenset[int]
    retry_delay: float
    gates: Gates

    inspect: bool
    inspect_processes: int
    inspect_patience: float
    inspect_limits: Limits

    lease_seconds: float
    max_deliveries: int
    lookahead: float
    robots_ttl: float
    retention: float
    grace: float

    gateway: GatewayConfig

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Config:
        """Raises ConfigurationError naming the setting that makes no sense."""
        data_dir = Path(settings["DATA_DIR"]).absolute()
        number = _Numbers(settings)
        return cls(
            data_dir=data_dir,
            files_store=str(settings["FILES_STORE"] or data_dir / "files"),
            database_url=settings["DATABASE_URL"] or f"sqlite:///{data_dir / 'pdfs.db'}",
            redis_url=settings["REDIS_URL"] or None,
            redis_params=dict(settings.getdict("REDIS_PARAMS")),
            start_urls=settings["REDIS_START_URLS_KEY"] % {"name": SPIDER},
            user_agent=settings["USER_AGENT"],
            obey_robots=settings.getbool("ROBOTSTXT_OBEY"),
            delay=number("DOWNLOAD_DELAY"),
            host_cap=int(number("CONCURRENT_REQUESTS_PER_DOMAIN", least=1)),
            concurrency=int(number("CONCURRENT_REQUESTS", least=1)),
            depth=int(number("DEPTH_LIMIT")),
            discovery=Discovery(settings.getlist("PDF_TECHNIQUES_OFF"), _site_rules(settings)),
            sitemaps=settings.getbool("PDF_SITEMAPS"),
            document_limit=int(number("DOWNLOAD_MAXSIZE")),
            page_limit=int(number("PDF_PAGE_MAX_SIZE", least=1024)),
            max_inflation=int(number("PDF_MAX_INFLATION", least=1)),
            verify_uploads=settings.getbool("PDF_VERIFY_UPLOADS"),
            connect_timeout=number("PDF_CONNECT_TIMEOUT", least=0.01),
            idle_timeout=number("PDF_IDLE_TIMEOUT", least=0.01),
            minimum_rate=number("PDF_MINIMUM_RATE"),
            max_redirects=int(number("REDIRECT_MAX_TIMES")),
            only_if_changed=settings.getbool("PDF_ONLY_IF_CHANGED"),
            revisit_after=number("PDF_REVISIT_AFTER", least=1),
            revisit_max=number("PDF_REVISIT_MAX", least=1),
            traps=settings.getbool("PDF_TRAPS"),
            pages_per_pattern=int(number("PDF_PAGES_PER_PATTERN")),
            pages_per_host=int(number("PDF_PAGES_PER_HOST")),
            links_per_page=int(number("PDF_LINKS_PER_PAGE")),
            resumes=int(number("PDF_RESUME_TIMES")),
            polls=int(number("PDF_POLL_TIMES")),
            retries=int(number("RETRY_TIMES")),
            retry_codes=frozenset(map(int, settings.getlist("RETRY_HTTP_CODES"))),
            retry_delay=number("FRONTIER_RETRY_DELAY"),
            gates=_gates(settings, number),
            inspect=settings.getbool("PDF_INSPECT"),
            inspect_processes=int(number("PDF_INSPECT_PROCESSES", least=1)),
            inspect_patience=number("PDF_INSPECT_PATIENCE"),
            inspect_limits=_limits(settings, number),
            lease_seconds=number("FRONTIER_LEASE_SECONDS", least=1),
            max_deliveries=int(number("FRONTIER_MAX_DELIVERIES", least=1)),
            lookahead=number("FRONTIER_LOOKAHEAD"),
            robots_ttl=number("FRONTIER_ROBOTS_TTL", least=1),
            retention=number("FRONTIER_RETENTION"),
            grace=number("FRONTIER_GRACE"),
            gateway=_gateway(settings, number),
        )

    @property
    def shown_database(self) -> str:
        """The database's URL as it may be shown."""
        return url_without_password(self.database_url)

    @property
    def store_directory(self) -> Path | None:
        """The directory that documents go to; None where they go to an object store."""
        scheme, separator, rest = self.files_store.partition("://")
        if not separator:
            return Path(self.files_store).absolute()
        return Path(rest) if scheme == "file" else None

    @property
    def staging_root(self) -> Path:
        """Staging lies inside a directory store; for other stores it is local."""
        return self.store_directory or self.data_dir / "files"


def _site_rules(settings: BaseSettings) -> dict[str, Any]:
    try:
        return dict(settings.getdict("PDF_SITE_RULES"))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"PDF_SITE_RULES is not an object with hosts as its keys: {error}") from None


def _gates(settings: BaseSettings, number: _Numbers) -> Gates:
    adapts = settings.getbool("AUTOTHROTTLE_ENABLED")
    return Gates(
        backoff=number("FRONTIER_BACKOFF"),
        longest_backoff=number("FRONTIER_BACKOFF_MAX"),
        breaker_failures=int(number("FRONTIER_BREAKER_FAILURES")),
        breaker_seconds=number("FRONTIER_BREAKER_SECONDS"),
        breaker_openings=int(number("FRONTIER_BREAKER_OPENINGS")),
        concurrency=number("AUTOTHROTTLE_TARGET_CONCURRENCY", least=0.01) if adapts else 0.0,
        first_delay=number("AUTOTHROTTLE_START_DELAY"),
        longest_delay=number("AUTOTHROTTLE_MAX_DELAY"),
    )


def _limits(settings: BaseSettings, number: _Numbers) -> Limits:
    return Limits(
        timeout=number("PDF_INSPECT_TIMEOUT", least=0.1),
        memory=int(number("PDF_INSPECT_MEMORY", least=LEAST_MEMORY)),
        text=settings.getbool("PDF_INSPECT_TEXT"),
        links=settings.getbool("PDF_INSPECT_LINKS"),
        thumbnail=settings.getbool("PDF_INSPECT_THUMBNAIL"),
    )


def _gateway(settings: BaseSettings, number: _Numbers) -> GatewayConfig:
    networks = tuple(settings.getlist("GATEWAY_NETWORKS"))
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise ConfigurationError(f"GATEWAY_NETWORKS: {error}") from None
    return GatewayConfig(
        urls=tuple(settings.getlist("GATEWAY_URLS")),
        depth=int(number("GATEWAY_DEPTH")),
        message_size=int(number("GATEWAY_MESSAGE_MAX_SIZE")),
        urls_per_message=int(number("GATEWAY_URLS_PER_MESSAGE")),
        unacknowledged=int(number("GATEWAY_UNACKNOWLEDGED", least=1)),
        open_jobs=int(number("GATEWAY_OPEN_JOBS")),
        listed=int(number("GATEWAY_RESULT_ENTRIES")),
        networks=networks,
        token=settings["GATEWAY_TOKEN"] or "",
        webhook=settings["GATEWAY_WEBHOOK"] or "",
        webhook_secret=settings["GATEWAY_WEBHOOK_SECRET"] or "",
    )


class _Numbers:
    def __init__(self, settings: BaseSettings) -> None:
        self._settings = settings

    def __call__(self, name: str, least: float = 0) -> float:
        value = self._settings[name]
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ConfigurationError(f"{name}={value!r} is not a number") from None
        if not least <= number < float("inf"):
            raise ConfigurationError(f"{name}={value!r} is out of range: it must be at least {least:g}")
        return number
