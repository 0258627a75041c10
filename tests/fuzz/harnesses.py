"""What is fuzzed: each harness takes bytes that a stranger may send, and asserts what must hold of them.

A harness raises AssertionError, or any error that its function does not document.
"""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from scrapy.settings import Settings

from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.crawl.fetch.bodies.content_encoding import STEP_SIZE, decoded
from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.crawl.policy.retries import MAX_HOLD_S, retry_after
from pdfspider.crawl.policy.robots import RobotsRules
from pdfspider.crawl.policy.robots_rules import crawl_delay, packed, parsed, reduced
from pdfspider.crawl.policy.robots_rules import unpacked as unpacked_rules
from pdfspider.discovery.links import Discovery
from pdfspider.discovery.listings.lists import MAX_INFLATED_SIZE, unpacked
from pdfspider.discovery.markup.headers import linked
from pdfspider.discovery.urls import canonical, fingerprint, host_of, join, normalise, origin_of
from pdfspider.documents.head import HEAD_SIZE, sniff
from pdfspider.documents.inspection.report import InspectionReport, InvalidAnswer
from pdfspider.documents.names import file_name
from pdfspider.documents.tail import TAIL_SIZE, is_whole, judge, linearized_length
from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.entries import Entry
from pdfspider.frontier.scripts import SCRIPT_NAMES
from pdfspider.gateway.base import Delivery, Receipt
from pdfspider.gateway.inbound.messages import understand
from pdfspider.gateway.transports.celery.messages import unwrap
from pdfspider.gateway.transports.rq.transport import read_job
from pdfspider.items import Outcome
from pdfspider.submission.messages import parse
from pdfspider.submission.rejected import Rejected
from tests.fuzz import scripts

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = "http://a.test/b/c.html?d"
AGENT = "pdfspider"
TYPES = ("text/html", "text/plain", "application/xml", "text/csv", None)
TECHNIQUES = ("seed", "a", "robots-sitemap", "text-list")
ENCODINGS = ("gzip", "deflate", "br", "gzip, br", "identity", "x")
DISCOVERY = Discovery()
CONFIG = Config.from_settings(Settings({name: getattr(defaults, name) for name in dir(defaults) if name.isupper()}))


class Given(Delivery):
    async def ack(self, receipt: Receipt) -> None: ...

    async def reject(self, reason: str) -> None: ...


class Pieces:
    """A body that comes in pieces of a size."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size, self.received = data, size, 0

    async def next(self) -> bytes:
        piece, self._data = self._data[: self._size], self._data[self._size :]
        self.received += len(piece)
        return piece


def page(data: bytes) -> None:
    """Links are normal, named once, and not the page itself."""
    first, body = (data[0] if data else 0), data[1:]
    kind, technique = TYPES[first % len(TYPES)], TECHNIQUES[first // 8 % len(TECHNIQUES)]
    found = DISCOVERY.find(body, BASE, None, content_type=kind, technique=technique, headers=[body.decode("latin-1")])
    urls = [link.url for link in found.links]
    assert len(set(urls)) == len(urls)
    assert BASE not in urls
    for url in urls:
        assert normalise(url) == url


def url(data: bytes) -> None:
    """What is normal stays as it is, and so does what is canonical."""
    text = data.decode("utf-8", "surrogateescape")
    with suppress(InvalidInput):
        normal = normalise(text)
        assert normalise(normal) == normal == join(BASE, normal)
        assert canonical(canonical(normal)) == canonical(normal)
        assert len(fingerprint(normal)) == 8
        assert normal.startswith(origin_of(normal) + "/")
        assert host_of(normal) in origin_of(normal)
    joined = join(BASE, text)
    assert joined is None or normalise(joined) == joined


def headers(data: bytes) -> None:
    """A host's headers are read or ignored."""
    text = data.decode("latin-1")
    assert len([*linked([text])]) <= len(text)
    name = file_name(text)
    assert name is None or (name and len(name) <= len(text) and not set(name) & set("/\\\0\n"))
    response: Any = SimpleNamespace(header=lambda _: text)
    assert 0 <= retry_after(response) <= MAX_HOLD_S


def encodings(data: bytes) -> None:
    """A body is the same, or broken, in pieces of whatever size."""
    declared, body = ENCODINGS[(data[0] if data else 0) % len(ENCODINGS)], data[1:]
    whole = asyncio.run(read(body, declared, len(body) or 1))
    for size in (1, 2, 7):
        assert asyncio.run(read(body, declared, size)) == whole, size


async def read(body: bytes, declared: str, size: int) -> bytes | None:
    parts = []
    with suppress(FetchError):
        chunks = await decoded(Pieces(body, size), declared, max_inflation=100)
        while part := await chunks.next():
            assert len(part) <= max(STEP_SIZE, len(body))
            parts.append(part)
        return b"".join(parts)
    return None


def document(data: bytes) -> None:
    """A document is judged by its first and last bytes alone."""
    assert sniff(data) is sniff(data[:HEAD_SIZE])
    assert is_whole(data) is is_whole(data[-TAIL_SIZE:])
    length = linearized_length(data[:HEAD_SIZE])
    assert length is None or 0 <= length < 10**19
    assert judge(data[:HEAD_SIZE], data, len(data)) == judge(data[:HEAD_SIZE], data[-TAIL_SIZE:], len(data))


def robots(data: bytes) -> None:
    """A robots.txt gives a verdict on each URL and a bounded delay."""
    text = reduced(data, AGENT)
    assert reduced(text, AGENT) == text
    assert unpacked_rules(packed(text)) == text
    assert 0 <= crawl_delay(text, AGENT) <= MAX_HOLD_S
    kept = parsed(text)
    rules = RobotsRules(kept, None, math.inf)
    for path in ("", "b", "%C3%A4?x=*", "$"):
        verdict = rules.verdict(f"http://a.test/{path}", AGENT)
        assert verdict is None or verdict[0] is Outcome.ROBOTS_DENIED
    assert len([*kept.sitemaps]) <= len(data)
    DISCOVERY.named("robots-sitemap", kept.sitemaps, BASE)


def compressed(data: bytes) -> None:
    """What is unpacked is bounded, and what is not packed stays as it is."""
    assert len(unpacked(data)) <= MAX_INFLATED_SIZE
    assert unpacked(data, 10) == unpacked(data)[: len(unpacked(data, 10))]
    assert data[:2] == b"\x1f\x8b" or unpacked(data) is data


def start_url(data: bytes) -> None:
    """A start URL is an entry that survives the frontier, or is refused by a reason that can be written down."""
    reason = ""
    try:
        entries = parse(data, 3).entries
    except InvalidInput as error:
        reason = str(error)
    if reason:
        rejected = Rejected(message=data, reason=reason)
        assert Rejected.load(rejected.dump()) == rejected
        return
    for entry in entries:
        assert Entry.unpack(entry.pack(), entry.fingerprint, entry.host) == entry
        assert normalise(entry.url) == entry.url


def message(data: bytes) -> None:
    """A master's message is a submission with a record that can be read again, or is refused."""
    for body in (data, unwrap(data).body):
        with suppress(InvalidInput):
            submission = understand(Given(body=body), "test", CONFIG)
            assert submission.entries
            assert submission.task is None or json.loads(submission.task.record)["urls"]
    with suppress(InvalidInput):
        assert isinstance(read_job("job", {b"data": data}, 1 << 20), bytes)


def rejected(data: bytes) -> None:
    """What was set aside is read again as it was written, or refused."""
    with suppress(InvalidInput):
        found = Rejected.load(data)
        if math.isfinite(found.time):
            assert Rejected.load(found.dump()) == found


def report(data: bytes) -> None:
    """An inspecting process that says something else than a report is not believed."""
    with suppress(ValueError, RecursionError, InvalidAnswer):
        answer = json.loads(data)
        if isinstance(answer, dict):
            InspectionReport.of(answer)


class Harness(NamedTuple):
    check: Callable[[bytes], None]
    words: tuple[bytes, ...]
    """What the function under test looks for."""
    examples: int = 200
    """Inputs in a short run."""


def words(text: str, *more: bytes) -> tuple[bytes, ...]:
    return *(word.encode("utf-8", "surrogatepass") for word in text.split("~")), *more


HARNESSES: dict[str, Harness] = {
    "page": Harness(
        page,
        words(
            "<a href='~'>~<a href=x.pdf>~<base href='//b.test/~<meta http-equiv=refresh content='0;url=~<iframe src=~"
            "<script>~</script>~window.open('~'.pdf'~<!--~-->~<![CDATA[~<urlset>~<loc>~</loc>~<sitemapindex>~<rss>~"
            "http://~b.test~[::1]~:99999~%2e%2E/~../~?q=~#~&amp;~&#x110000;~javascript:~data:~xn--~ä~\u202e~\x00~\n~"
            "\ud800~.pdf~/~onclick=\"location='~<link rel=next href=~<http://b.test/x.pdf>; rel=item~,"
        ),
    ),
    "url": Harness(
        url,
        words(
            "http:~https:~//~/~\\~a.test~A.TEST~1.2.3.4~0x7f.1~[::1]~[~]~@~user:pw@~:80~:443~:~:65536~..~.~%~%2e~%2F~"
            "%zz~?~&~=~+~#~;~ ~\t~\n~\x00~ä~ß~\u200d~。~xn--~xn--a~-~_~é~\ud800~😀~sid=1~PHPSESSID=~utm_source="
        ),
    ),
    "headers": Harness(
        headers,
        words(
            "attachment; ~filename=~filename*=~filename*0*=~filename*1=~UTF-8''~iso-8859-1''~\"~\\~%2e%2e%2f~../~/~;~,"
            '~ ~=?utf-8?b?~?=~<http://b.test/x.pdf>~rel=item~rel="next"~type=application/pdf~99999999999999999999~-1~'
            "Sun, 06 Nov 1994 08:49:37 GMT~Mon, 01 Jan 0001 00:00:00~ +9999~31 Dec 9999 23:59:59 -2359~é~\x00~1e999"
        ),
    ),
    "encodings": Harness(
        encodings,
        (
            *(bytes([number]) for number in range(len(ENCODINGS))),
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            b"\x78\x9c\x4b\x04\x00\x00\x62\x00\x62",
            b"\x4b\x4c\x4a\x06\x00",
            b"\x0b\x01\x80abcd\x03",
            b"%PDF-1.7\n",
        ),
    ),
    "document": Harness(
        document,
        words(
            "%PDF-~1.7\n~%%EOF~%%EO~startxref~\n0\n~xref~endobj~endstream~1 0 obj~<<~>>~/Linearized 1~/L 123~/L 999999"
            "999999999999999~<html>~<!doctype html>~<br />~<?xml~PK\x03\x04~\xff~\x00~ ~\n~trailer",
            b"\xff\xfe",
            b"\xfe\xff",
            b"\xef\xbb\xbf",
            b"\x1f\x8b",
            b" " * 1020,
            b"\n" * TAIL_SIZE,
        ),
    ),
    "robots": Harness(
        robots,
        words(
            "User-agent: *\n~User-agent: pdfspider\n~Disallow: ~Allow: ~Crawl-delay: ~Request-rate: 1/10s 0000-2400\n~"
            "Visit-time: ~Sitemap: http://a.test/s.xml\n~Sitemap: ~/~*~$~%~%C3%A4~nan~inf~-1~1e999~\n~\r~\x00~#~:~ä~ ",
            b"\xef\xbb\xbf",
            b"\xff",
        ),
    ),
    "packed": Harness(
        compressed,
        (
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            b"\x1f\x8b",
        ),
    ),
    "start-url": Harness(
        start_url,
        words(
            'http://a.test/~{~}~"~:~,~"url":"http://a.test/"~"url":~"job":"x"~"job":""~"depth":~"scope":"any"~"priority":'
            '~"meta":{~"meta":~"seal":true~"due":true~null~1e999~NaN~Infinity~-129~1000000000001~99999999999999999999~'
            "[~]~[[[[~\\ud800~\\u0000~ä~\x00~ ~\n~ftp://~http://127.0.0.1/~é~\ufeff",
            b"\xff",
            b"\xef\xbb\xbf",
        ),
    ),
    "message": Harness(
        message,
        words(
            'http://a.test/~{~}~"~:~,~[~]~"url":"http://a.test/"~"urls":["http://a.test/"~"urls":[]~"task_id":~"task_id":1~'
            '"meta":{"a":~"max_documents":~"due":true~"job":"x"~"seal":false~null~\\ud800~1e999~-1~99999999999999999999~'
            '"properties":{}~"headers":{}~"body":"~"body_encoding":"base64"~"content-type":"application/json"~'
            '[null,null,["http://a.test/"],{}]~"pdfspider.fetch"~é~\ufeff~\x00',
            b"\xff",
            b"\x78\x9c",
        ),
    ),
    "rejected": Harness(
        rejected,
        words(
            '{~}~"message":"~"base64":"AAAA"~"reason":""~"time":1.5~"time":NaN~"metadata":{~"cut":true~"$base64":"~"$time":'
            '~"$decimal":"~:~,~"~[~]~null~1e999~-1~99999999999999999999~NaN~sNaN~\\ud800~é~\x00~='
        ),
    ),
    "report": Harness(
        report,
        words(
            '{~}~"status":"ok"~"status":~"pages":~"links":~"thumbnail":"~"content":"text"~"title":~,~:~"~[~]~null~true~1~'
            "-1~99999999999~\\ud800~AAAA~=~%~ä~{}"
        ),
    ),
    "scripts": Harness(
        scripts.check,
        tuple(bytes([script, changes]) for script in range(len(SCRIPT_NAMES)) for changes in range(4)),
        examples=25,
    ),
}
