"""What a message may say."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scrapy.settings import Settings

from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.discovery.addresses import PUBLIC_BLOCK, own_block
from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import KEY_LENGTH
from pdfspider.frontier.reach import reach_with
from pdfspider.gateway.base import Delivery, Receipt
from pdfspider.gateway.inbound.messages import understand

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdfspider.frontier.jobs import Submission

URL = "http://example.org/a.html"
CONFIG = Config.from_settings(Settings({name: getattr(defaults, name) for name in dir(defaults) if name.isupper()}))


class Given(Delivery):
    async def ack(self, receipt: Receipt) -> None: ...

    async def reject(self, reason: str) -> None: ...


class Call(Given):
    each_is_answered = True


def sent(message: Any, *, identity: str = "", reply: str = "", kind: type[Delivery] = Given) -> Any:
    """What the frontier is told of a message, by the transport "test"."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    delivery = kind(body=body, id=identity, reply={"reply_to": reply} if reply else {})
    submission = understand(delivery, "test", CONFIG)
    assert submission.task
    return submission


def read(message: Any, identity: str = "", **settings: Any) -> Submission:
    known = Settings()
    known.setmodule(defaults)
    known.update(settings)
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return understand(Given(body=body, id=identity), "test", Config.from_settings(known))


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, partial(zlib.compress, level=1)])
def test_a_message_may_be_compressed(compress: Callable[[bytes], bytes]) -> None:
    body = compress(json.dumps({"url": URL, "task_id": 7}).encode())
    assert [entry.url for entry in read(body).entries] == [URL]
    for damaged in (body[:-1], body[:9], body[:2] + b"\0" * 30):
        with pytest.raises(InvalidInput, match="not valid as gzip or zlib"):
            read(damaged)
    with pytest.raises(InvalidInput, match="more than 1,048,576 bytes"):
        read(compress(b" " * 50_000_000))


def test_a_message_may_have_the_number_of_its_schema_in_front() -> None:
    body = json.dumps({"url": URL, "task_id": 7}).encode()
    assert read(b"\0\0\0\0\x2a" + body) == read(body)


def test_what_is_null_is_not_said() -> None:
    names = ("depth", "scope", "priority", "meta", "due", "urls", "job", "max_documents", "seal", "task_id")
    assert read({"url": URL, **dict.fromkeys(names)}).options == read({"url": URL}).options


@pytest.mark.parametrize("body", [URL.encode(), f" {URL}\n".encode(), json.dumps(URL).encode()])
def test_a_plain_url_is_a_small_job_of_its_own(body: bytes) -> None:
    submission = read(body)
    (entry,) = submission.entries
    assert (entry.url, entry.max_depth, entry.scope) == (URL, 1, "host")
    assert submission.job.startswith("example.org-")
    assert submission.seal
    assert submission.task is not None
    assert not submission.task.once


def test_everything_that_a_message_can_say() -> None:
    urls = [URL, "https://example.org/b"]
    terms = {"depth": 3, "scope": "any", "priority": 7, "max_documents": 5, "seal": False, "job": "mine"}
    submission = read({"urls": urls, "meta": {"a": 1}, "task_id": 12, **terms})
    assert [entry.url for entry in submission.entries] == urls
    assert {(entry.max_depth, entry.scope, entry.priority) for entry in submission.entries} == {(3, "any", 7)}
    assert (submission.job, submission.seal, submission.options.max_documents) == ("mine", False, 5)
    assert submission.task is not None
    record = json.loads(submission.task.record)
    assert (record["task_id"], record["meta"], record["urls"]) == (12, {"a": 1}, urls)


def test_a_message_that_is_delivered_again_is_the_same_job() -> None:
    once, again, other = (read(URL.encode(), identity) for identity in ("1", "1", "2"))
    assert once == again
    assert once.task
    assert once.task.once
    assert other.job != once.job
    assert read({"url": URL, "task_id": "x"}) == read({"url": URL, "task_id": "x"})
    assert read({"url": URL, "task_id": "x"}).job != read({"url": URL, "task_id": "y"}).job


def test_a_task_id_goes_before_the_brokers_id_and_the_order_of_keys() -> None:
    first = sent({"url": URL, "task_id": "a", "depth": 2}, identity="1")
    for message in ({"depth": 2, "task_id": "a", "url": URL}, f' {{"task_id":"a","url":"{URL}"}}'.encode()):
        again = sent(message, identity="2")
        assert (again.job, again.task.key, again.task.once) == (first.job, first.task.key, True)
    for other in ("b", 1):
        assert sent({"url": URL, "task_id": other}, identity="1").job != first.job
    assert sent({"url": URL, "task_id": "1"}).job != sent({"url": URL, "task_id": 1}).job


def test_a_message_without_ids_is_known_by_what_it_says() -> None:
    plain = sent(URL.encode())
    assert sent({"url": URL}).task.key == sent({"urls": [URL], "depth": None}).task.key == plain.task.key
    assert not plain.task.once
    assert sent({"url": URL, "depth": 2}).task.key != plain.task.key


def test_who_is_answered() -> None:
    """The newest address of a message that has an id; every sender of one that has none, and of each task."""
    named = [sent({"url": URL, "task_id": 1}, reply=reply) for reply in ("a", "b")]
    assert named[0].task.key == named[1].task.key
    for message, kind, identity in (({"url": URL}, Given, ""), ({"url": URL, "task_id": 1}, Call, "call-")):
        one, other = (sent(message, identity=identity and f"{identity}{to}", reply=to, kind=kind) for to in ("a", "b"))
        assert one.job == other.job
        assert one.task.key != other.task.key
        assert one.task.key[:KEY_LENGTH] == other.task.key[:KEY_LENGTH]
    called = [sent({"url": URL}, identity="call", reply=reply, kind=Call) for reply in ("a", "b")]
    assert called[0].task.key == called[1].task.key


@pytest.mark.parametrize("address", ['x","reply":{', "caf\udce9"])
def test_the_address_is_the_end_of_a_record(address: str) -> None:
    """Surrogates stand for bytes that are not UTF-8."""
    message = {"url": URL, "meta": {"reply": {"reply": '","reply":'}}}
    *_, reply = sent(message, reply=address).task.record.rpartition(b',"reply":')
    assert json.loads(reply[:-1]) == {"reply_to": address}


def test_the_job_that_never_ends_owes_nothing() -> None:
    submission = read({"url": URL, "job": "default"})
    assert submission.task is None
    assert not submission.seal


@pytest.mark.parametrize(
    ("message", "reason"),
    {
        "{not json": "JSON",
        "": "URL",
        "[]": "an array.*urls",
        '["http://example.org/", "http://example.org/b"]': "an array.*urls",
        "http://example.org/\nhttp://example.org/b": "more than one line",
        "ftp://example.org/": "ftp",
        "{}": "url",
        '{"url": "http://example.org/", "urls": []}': "urls",
        '{"urls": []}': "urls",
        '{"urls": ["http://example.org/", "rubbish"]}': "rubbish",
        '{"url": "http://example.org/", "colour": 1}': "colour",
        '{"url": "http://example.org/", "task_id": {}}': "task_id",
        '{"url": "http://example.org/", "max_documents": "3"}': "max_documents",
        '{"url": "http://example.org/", "job": "default", "max_documents": 3}': "default",
        '{"url": "http://example.org/", "job": "a b"}': "job",
        '{"url": "http://example.org/", "due": true}': "due needs a job",
        '{"url": "http://example.org/", "due": true, "job": "default"}': "due needs a job",
        '{"url": "http://example.org/", "depth": -1}': "depth",
        '{"url": "http://example.org/", "meta": {"x": NaN}}': "meta",
        '{"url": "http://example.org/", "meta": {"x": "' + "y" * 20_000 + '"}}': "meta",
        "http://localhost/": "not a public address",
        "http://a.localhost/": "not a public address",
        "http://127.0.0.1/": "not a public address",
        "http://[::1]/": "not a public address",
        "http://[::ffff:10.0.0.1]/": "not a public address",
        "http://192.168.1.1:8080/x": "not a public address",
        "http://169.254.169.254/": "not a public address",
        '{"urls": [' + ",".join(f'"{URL}?{n}"' for n in range(1001)) + "]}": "1,001 URLs",
        " " * 1_100_000: "1,100,000 bytes",
    }.items(),
    ids=lambda value: value[:40],
)
def test_what_makes_no_sense_is_refused_with_its_reason(message: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read(message.encode())


def test_networks_can_be_allowed() -> None:
    submission = read(b"http://10.1.2.3/", GATEWAY_NETWORKS=["fd12::/16", "10.1.0.0/16"])
    assert submission.networks == "10.1.0.0/16 fd12::/16"
    assert submission.entries[0].reach == reach_with(PUBLIC_BLOCK, submission.networks)
    with pytest.raises(InvalidInput, match="not a public address"):
        read(b"http://10.2.2.3/", GATEWAY_NETWORKS=["10.1.0.0/16"])


def test_a_message_reaches_public_addresses_and_no_more() -> None:
    """Neither what the operator allows his own URLs, nor the block of a seed that is private itself."""
    submission = read(b"http://example.org/", PDF_ALLOWED_NETWORKS=["10.0.0.0/8"])
    assert (submission.networks, submission.entries[0].reach) == ("", 0)
    with pytest.raises(InvalidInput, match="not a public address"):
        read(b"http://10.1.2.3/", PDF_ALLOWED_NETWORKS=["10.0.0.0/8"])


def test_a_single_private_block_needs_no_list() -> None:
    submission = read(b"http://127.0.0.1/", GATEWAY_NETWORKS=["127.0.0.0/8"])
    assert (submission.networks, submission.entries[0].reach) == ("", own_block("127.0.0.1"))


JSON = st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner))
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


@settings(deadline=None)  # whatever else the machine does
@given(BODIES | st.fixed_dictionaries({"url": JSON, "task_id": JSON}).map(lambda value: json.dumps(value).encode()))
def test_no_message_does_worse_than_being_refused(body: bytes) -> None:
    with suppress(InvalidInput):
        read(body)
