"""No secret is shown: passwords in URLs, and settings by their names."""

from __future__ import annotations

import time

import pytest

from pdfspider.masking import masked, masked_settings, masked_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://u:s3cret@files.example/a", "ftp://u:***@files.example/a"),
        ("redis://:s3cret@h:6379/0", "redis://:***@h:6379/0"),
        ("postgresql://spider@h/n", "postgresql://spider@h/n"),
        ("http://u:s3@cret@h/", "http://u:***@h/"),
        ("x amqp://a:s3cret@h, http://b:s3cret@h/p?q=a@b y", "x amqp://a:***@h, http://b:***@h/p?q=a@b y"),
        ('{"url": "http://u:s3cret@h/"}', '{"url": "http://u:***@h/"}'),
        ("kafka://h?sasl_password=s3cret&group=g", "kafka://h?sasl_password=***&group=g"),
        ("https://h/a?token=s3cret#f", "https://h/a?token=***#f"),
        ("http://example.org/a@b:c", "http://example.org/a@b:c"),
        ("mailto:a@b", "mailto:a@b"),
        ("", ""),
    ],
)
def test_passwords_in_texts(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://u:s3/cr?et@h/0", "redis://u:***@h/0"),
        (
            "redis+sentinel://u:s3cret@a:1,b:2/s?sentinel_password=w",
            "redis+sentinel://u:***@a:1,b:2/s?sentinel_password=***",
        ),
        ("/var/lib/files", "/var/lib/files"),
        ("s3://bucket/prefix/", "s3://bucket/prefix/"),
    ],
)
def test_passwords_of_one_url(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_settings() -> None:
    settings = {
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_SESSION_TOKEN": "s3cret",
        "FTP_PASSWORD": "s3cret",
        "GATEWAY_TOKEN": "s3cret",
        "HTTPAUTH_PASS": "s3cret",
        "GATEWAY_WEBHOOK_SECRET": b"s3cret",
        "REDIS_PARAMS": {"password": "s3cret", "db": 1},
        "REDIS_URL": "redis://:s3/cret@h",
        "GATEWAY_URLS": ["amqp://u:s3cret@h", "http://0.0.0.0"],
        "PROXIES": "http://u:s3cret@a, http://u:s3cret@b",
        "GATEWAY_WEBHOOK": None,
        "DOWNLOAD_DELAY": 0.5,
    }
    shown = masked_settings(settings)
    assert "s3" not in str(shown)
    assert shown["DOWNLOAD_DELAY"] == 0.5
    assert shown["REDIS_PARAMS"] == {"password": "***", "db": 1}
    assert shown["GATEWAY_URLS"] == ["amqp://u:***@h", "http://0.0.0.0"]
    assert shown["GATEWAY_WEBHOOK"] is None


LONG = ["://" + "a" * 10**6, "://" + ":" * 10**6, "http://h/?" + "password" * 10**5, "://@" * 10**5]


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    masked(text)
    assert time.process_time() - begun < 5
