"""What makes no sense among the settings is named before anything begins."""

from __future__ import annotations

from dataclasses import fields

import pytest
from scrapy.settings import Settings

from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.exceptions import ConfigurationError
from pdfspider.records.engine import read_url

NONSENSE = ("bad", "", "-1", "1.5", "1e300", "nan", "{", "a b\nc", "%(x)s")
FREE = {"DATA_DIR", "FILES_STORE", "DATABASE_URL", "REDIS_URL", "GATEWAY_URLS", "GATEWAY_TOKEN"}
FREE |= {"GATEWAY_WEBHOOK", "GATEWAY_WEBHOOK_SECRET"}
"""Whether these can be used is seen where they are used."""
NAMES = [name for name in dir(defaults) if name.isupper() and name not in FREE]


def config(**changes: object) -> Config:
    settings = Settings()
    settings.setmodule(defaults)
    settings.update(changes, priority="cmdline")
    return Config.from_settings(settings)


def refusals(name: str) -> list[str]:
    """What is said of each nonsense that is refused; it begins with the name."""
    said = []
    for value in NONSENSE:
        try:
            config(**{name: value})
        except ConfigurationError as error:
            said.append(str(error))
    assert all(text.startswith(name) for text in said), said
    return said


def test_every_field_is_read_from_the_settings() -> None:
    assert all("reader" in each.metadata for each in fields(Config))


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("PDF_", "FRONTIER_", "GATEWAY_"))])
def test_nonsense_is_refused_with_the_name_of_the_setting(name: str) -> None:
    assert refusals(name)


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(getattr(defaults, name), int | float)])
def test_no_number_and_no_switch_takes_text(name: str) -> None:
    if name not in {"CONCURRENT_ITEMS", "SCRAPER_SLOT_MAX_ACTIVE_SIZE"} and not name.endswith("_ENABLED"):
        assert len(refusals(name)) >= len(NONSENSE) - 3


def test_other_values_that_make_no_sense() -> None:
    for name, value, said in (
        ("CONCURRENT_REQUESTS", "1.5", "is not a whole number"),
        ("DOWNLOAD_MAXSIZE", "1e9", "is not a whole number"),
        ("AUTOTHROTTLE_TARGET_CONCURRENCY", "0", "out of range"),
        ("USER_AGENT", "a\r\nX: y", "must be a line of text"),
        ("USER_AGENT", " ", "must be a line of text"),
        ("REDIS_START_URLS_KEY", "%(nme)s:urls", "is no key"),
        ("REDIS_START_URLS_KEY", "", "is no key"),
        ("REDIS_PARAMS", "[1]", "is not a JSON object"),
        ("RETRY_HTTP_CODES", "500, 50x", "'50x' is not a status"),
        ("NOTIFY_URLS", "hooks.example.org", "is neither http"),
        ("NOTIFY_URLS", "mailto:ops", "is neither http"),
        ("NOTIFY_URLS", "ftp://user:secret@example.org/", "'ftp://user:\\*\\*\\*@example.org/' is neither http"),
        ("NOTIFY_STALLED_AFTER", "-1", "out of range"),
        ("DOWNLOAD_DELAY", 10**400, "out of range"),
        ("PDF_ALLOWED_NETWORKS", -1, "is not a list"),
        ("DATA_DIR", "\udcff", "is not UTF-8"),
        ("METRICS_URL", "127.0.0.1:9464", "is not http://HOST:PORT"),
        ("METRICS_URL", "http://127.0.0.1:94640", "is not http://HOST:PORT"),
        ("METRICS_URL", "https://127.0.0.1:9464", "is not http://HOST:PORT"),
    ):
        with pytest.raises(ConfigurationError, match=f"^{name}.*{said}"):
            config(**{name: value})


@pytest.mark.parametrize("name", ["a b", "a%20b", "a?b", "a#b", "100%", "\xe4", "a@b:c"])
def test_the_database_is_in_the_data_directory_whatever_its_name(name: str) -> None:
    assert read_url(config(DATA_DIR=f"/srv/{name}").database_url).database == f"/srv/{name}/pdfs.db"


def test_lists_may_be_written_as_people_do() -> None:
    assert config(PDF_TECHNIQUES_OFF="iframe, form", RETRY_HTTP_CODES="500, 503").retry_codes == {500, 503}
