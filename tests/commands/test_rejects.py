"""What was set aside is listed, shown and sent again from the shell."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import redis

from pdfspider.submission.rejected import Rejected

if TYPE_CHECKING:
    from tests.commands.conftest import Scrapy

EVIL = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
BINARY = b"\x1f\x8b\x08\x00\xff\xfe gzip, perhaps"


def test_the_command_lists_shows_and_sends_again(scrapy: Scrapy, redis_url: str) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = scrapy("rejects", *words, "-s", f"REDIS_URL={redis_url}", "-s", "GATEWAY_URLS=redis:")
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    with redis.Redis.from_url(redis_url) as client:
        client.lpush("pdfs:start_urls:rejected", Rejected(message=BINARY, reason="not UTF-8").dump())
        client.lpush("pdf_tasks:rejected", Rejected(message=b"one", reason=f"no URL {EVIL}").dump())
        client.lpush("pdf_tasks:rejected", Rejected(message=b"two", reason="no URL", cut=True).dump())
        listed = [json.loads(line) for line in run("--json").splitlines()]
        assert [(one["from"], one["message"][:3]) for one in listed] == [
            ("start_urls", "\x1f\ufffd\x08"),
            ("redis", "one"),
            ("redis", "two"),
        ]
        assert "no URL" in run("redis", listed[1]["id"])
        shown = run("redis")
        assert "no URL" in shown
        assert not CONTROL.search(shown), shown
        assert "1 message sent again" in run("start_urls", "--resend")
        assert client.lrange("pdfs:start_urls", 0, -1) == [BINARY]
        said = run("redis", "--resend", code=1)
        assert "1 message sent again" in said
        assert "1 message left" in said
        assert [fields for _, fields in client.xrange("pdf_tasks:stream")] == [{b"message": b"one"}]
        assert client.llen("pdf_tasks:rejected") == 1
        assert "none of the transports" in run("nowhere", code=1)


@pytest.mark.parametrize("written", ["Infinity", "-Infinity", "NaN", "9" * 400])
def test_a_time_that_is_none_leaves_the_message_as_it_is(written: str) -> None:
    assert Rejected.load(f'{{"message": "m", "reason": "r", "time": {written}}}'.encode()) == Rejected(
        message=b"m", reason="r", time=0
    )
