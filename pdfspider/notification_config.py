"""The part of the configuration that says whom to tell when jobs end or stall, and when alerts fire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pdfspider.exceptions import ConfigurationError
from pdfspider.fields import as_number, as_switch, as_whole, as_words
from pdfspider.masking import masked_url

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

DESTINATION_PATTERN = re.compile(r"https?://[^/\s]\S*|mailto:[^@\s]+@[^@\s?]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """The mail server, by Scrapy's settings ``MAIL_…``."""

    sender: str = "scrapy@localhost"
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    tls: bool = False
    """True to begin TLS by STARTTLS."""
    ssl: bool = False

    @classmethod
    def read(cls, settings: BaseSettings) -> Self:
        """Return the mail server in the settings.

        Raises ConfigurationError.
        """
        return cls(
            sender=str(settings["MAIL_FROM"]),
            host=str(settings["MAIL_HOST"]),
            port=as_whole(settings, "MAIL_PORT"),
            user=settings["MAIL_USER"] or "",
            password=settings["MAIL_PASS"] or "",
            tls=as_switch(settings, "MAIL_TLS"),
            ssl=as_switch(settings, "MAIL_SSL"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationConfig:
    """The destinations of notifications: ``http``, ``https`` and ``mailto`` URLs."""

    urls: tuple[str, ...] = ()
    secret: str = ""
    """The key of the signature of webhooks."""
    stalled_after: float = 3600.0
    """Seconds without an end of a URL after which a job with URLs counts as stalled; 0: never."""
    mail: MailConfig = MailConfig()

    @classmethod
    def read(cls, settings: BaseSettings) -> Self:
        """Return the destinations in the settings.

        Raises ConfigurationError.
        """
        urls = as_words(settings, "NOTIFY_URLS")
        for url in urls:
            if not DESTINATION_PATTERN.fullmatch(url):
                raise ConfigurationError(
                    f"NOTIFY_URLS: {masked_url(url)!r} is neither http(s)://… nor mailto:NAME@HOST"
                )
        return cls(
            urls=urls,
            secret=settings["NOTIFY_SECRET"] or "",
            stalled_after=as_number(settings, "NOTIFY_STALLED_AFTER"),
            mail=MailConfig.read(settings),
        )
