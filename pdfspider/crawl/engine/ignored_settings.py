"""Settings of Scrapy that have no effect here, and what to use instead.

docs/scrapy-settings.md lists every setting of Scrapy; a test compares it with this module.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings, default_settings

from pdfspider import settings as project_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES_BY_ADVICE = {
    "documents come first, then priority, depth and arrival": """
        DEPTH_PRIORITY REDIRECT_PRIORITY_ADJUST RETRY_PRIORITY_ADJUST SCHEDULER_PRIORITY_QUEUE
        SCHEDULER_DISK_QUEUE SCHEDULER_MEMORY_QUEUE SCHEDULER_START_DISK_QUEUE SCHEDULER_START_MEMORY_QUEUE
    """,
    "the log of pdfspider.crawl.fetch.handler at level DEBUG has the start of each request": "AUTOTHROTTLE_DEBUG",
    "bodies are asked for without compression, and decompressed where they come with it": "COMPRESSION_ENABLED",
    "each response is one item": "CONCURRENT_ITEMS",
    "cookies are not logged": "COOKIES_DEBUG",
    "the spider argument depth says how deep links are followed": "CRAWLSPIDER_FOLLOW_LINKS",
    "every item is a Capture": "DEFAULT_ITEM_CLASS",
    "the column depth of the table captures has the depth of each URL": "DEPTH_STATS_VERBOSE",
    "the system resolves names, within PDF_CONNECT_TIMEOUT": """
        DNSCACHE_ENABLED DNSCACHE_SIZE DNS_RESOLVER DNS_TIMEOUT TWISTED_DNS_RESOLVER
    """,
    "DOWNLOAD_DELAY is the least time between two starts, and no time is added at random": """
        DOWNLOAD_DELAY_JITTER RANDOMIZE_DOWNLOAD_DELAY
    """,
    "what does not arrive whole is resumed, or ends as truncated or connection-error": "DOWNLOAD_FAIL_ON_DATALOSS",
    "DOWNLOAD_MAXSIZE bounds documents, PDF_PAGE_MAX_SIZE pages": "DOWNLOAD_WARNSIZE",
    "delay and concurrency belong to a job: give hosts that need others a job of their own": "DOWNLOAD_SLOTS",
    "use DOWNLOAD_TLS_MIN_VERSION, DOWNLOAD_TLS_MAX_VERSION and DOWNLOADER_CLIENT_TLS_CIPHERS": """
        DOWNLOADER_CLIENTCONTEXTFACTORY DOWNLOADER_CLIENT_TLS_METHOD DOWNLOADER_CLIENT_TLS_VERBOSE_LOGGING
    """,
    "the frontier knows URLs by its own fingerprints, for each job": """
        DUPEFILTER_CLASS DUPEFILTER_DEBUG REQUEST_FINGERPRINTER_CLASS
    """,
    "HTTP/1.1 is spoken, and HTTP/2 where a server offers it over TLS": """
        FTP_PASSIVE_MODE HTTP2_MAX_FRAME_SIZE HTTPX_HTTP2_ENABLED
    """,
    "only PDFs are stored, in FILES_STORE": "IMAGES_STORE IMAGES_STORE_GCS_ACL IMAGES_STORE_S3_ACL",
    "the frontier keeps what is left: the same command goes on where it was interrupted": "JOBDIR",
    "a meta refresh is a link like others: PDF_TECHNIQUES_OFF=meta-refresh leaves it out": """
        METAREFRESH_ENABLED METAREFRESH_IGNORE_TAGS METAREFRESH_MAXDELAY
    """,
    "the outcome class and RETRY_HTTP_CODES decide what is tried again": "RETRY_EXCEPTIONS RETRY_GIVE_UP_LOG_LEVEL",
    "Protego reads robots.txt": "ROBOTSTXT_PARSER",
    "scrapy status shows what waits": "SCHEDULER_DEBUG",
    "generators are not inspected": "WARN_ON_GENERATOR_RETURN_VALUE",
    "each run asks for a document again, and fetches it if it has changed: PDF_ONLY_IF_CHANGED": "FILES_EXPIRES",
    "redirects are followed: REDIRECT_ENABLED": "MEDIA_ALLOW_REDIRECTS",
    "use REDIS_URL, with REDIS_PARAMS for further arguments": "REDIS_HOST REDIS_PORT REDIS_DB REDIS_ENCODING",
    "the type of the key decides": "REDIS_START_URLS_AS_SET REDIS_START_URLS_AS_ZSET",
    "closing a worker never touches the queue, and scrapy cancel drops a job": """
        SCHEDULER_PERSIST SCHEDULER_FLUSH_ON_START
    """,
    "a worker that was given URLs ends with their job, any other one when it is stopped": """
        SCHEDULER_IDLE_BEFORE_CLOSE MAX_IDLE_TIME_BEFORE_CLOSE
    """,
    "the frontier has queues and keys of its own": """
        SCHEDULER_QUEUE_CLASS SCHEDULER_QUEUE_KEY SCHEDULER_DUPEFILTER_CLASS SCHEDULER_DUPEFILTER_KEY
        SCHEDULER_SERIALIZER
    """,
    "start URLs are taken in at once": "REDIS_START_URLS_BATCH_SIZE",
}
WITHOUT_EFFECT = {name: advice for advice, names in NAMES_BY_ADVICE.items() for name in names.split()}


def find_ignored(settings: BaseSettings) -> Iterator[str]:
    """Yield a line for each setting that somebody has set to another value than its default, in vain."""
    for name, advice in WITHOUT_EFFECT.items():
        if (settings.getpriority(name) or 0) >= SETTINGS_PRIORITIES["addon"] and not _is_default(settings, name):
            yield f"{name} has no effect here: {advice}"


def _is_default(settings: BaseSettings, name: str) -> bool:
    """Return whether a setting says what Scrapy or the project says, in whatever spelling."""
    known = [vars(module)[name] for module in (default_settings, project_settings) if name in vars(module)]
    return any(_is_equal(settings, name, default) for default in known or [None])


def _is_equal(settings: BaseSettings, name: str, default: Any) -> bool:
    value = settings[name]
    if default is None:
        return not value
    with suppress(TypeError, ValueError):
        if isinstance(default, bool):
            return settings.getbool(name) == default
        if isinstance(default, int | float):
            return float(value) == default
        if isinstance(default, list):
            return settings.getlist(name) == default
        if isinstance(default, dict):
            return settings.getdict(name) == default
    return bool(value == default)
