"""What is admitted to a job, and what is known already."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ResponseError

from pdfspider.exceptions import FrontierError, InvalidInput, JobNotFound
from pdfspider.frontier.entries import PAGE_SCORE, Entry, links_of
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.reach import block_of, networks_of, reach_with
from pdfspider.items import Hop, Outcome
from tests.frontier.audit import audit
from tests.frontier.rig import FREE, entry, pages

if TYPE_CHECKING:
    from tests.frontier.rig import Rig


async def test_twenty_thousand_urls_are_admitted_once_each_in_compact_buckets(rig: Rig) -> None:
    urls = pages(20_000)
    first = await rig.submit("j", *urls)
    again = await rig.submit("j", *random.Random(1).sample(urls, 20_000))
    more = await rig.submit("j", *urls[:10], *pages(5, "b.test"))
    assert (first.added, again.added, more.added) == (20_000, 0, 5)
    assert (await rig.status("j"))["queued"] == 20_005
    report = await audit(rig.redis)
    assert (report.runs, report.urls) == (1, 20_005)
    assert len([key async for key in rig.redis.scan_iter("{pdfs}:seen:*", count=1000)]) > 100


async def test_a_url_that_is_twice_in_one_call_is_admitted_once(rig: Rig) -> None:
    assert (await rig.submit("j", *pages(3), *pages(3))).added == 3


async def test_fingerprints_may_hold_any_bytes(rig: Rig) -> None:
    fingerprints = [bytes([i]) * 8 for i in range(256)] + [b"\0\0\0\0\0\0\0\1", b"\r\n\0\xff\"'\\ ", b"\xff\0" * 4]
    urls = [entry(f"http://a.test/{i}", fingerprint=fp) for i, fp in enumerate(fingerprints)]
    assert (await rig.submit("j", *urls)).added == len(fingerprints)
    assert (await rig.submit("j", *urls)).added == 0
    worker = rig.worker()
    leases = await worker.lease(5)
    assert [lease.entry.fingerprint for lease in leases if lease.entry] == fingerprints[:5]


async def test_an_entry_comes_back_as_it_went_in(rig: Rig) -> None:
    sent = entry(
        "http://bücher.test/größe?q=日本語&x=\x7f",
        host="xn--bcher-kva.test",
        depth=3,
        max_depth=9,
        scope="domain",
        priority=-7,
        document=True,
        leaf=True,
        technique="iframe",
        found_on="http://bücher.test/göttlich",
        hops=(Hop(301, "http://é.test/"), Hop(302, "http://b.test/")),
    )
    await rig.submit("j", sent)
    (lease,) = await rig.worker().lease()
    assert lease.entry == sent.child(host="")


async def test_jobs_do_not_see_each_others_urls(rig: Rig) -> None:
    assert (await rig.submit("one", *pages(4))).added == 4
    assert (await rig.submit("two", *pages(4))).added == 4


async def test_ten_thousand_links_of_one_page_are_admitted_with_its_end(rig: Rig) -> None:
    await rig.submit("j", "http://a.test/", seal=True)
    worker = rig.worker()
    await worker.commit(await worker.one(), Outcome.PAGE, *pages(10_000))
    status = await rig.status("j")
    assert (status["queued"], status["done"], status["state"]) == (10_000, 1, "running")


@pytest.mark.parametrize("name", ["", "a b", "ü", "x" * 65, "a/b", "a\n", "a:b"])
async def test_a_job_name_that_is_none_is_refused(rig: Rig, name: str) -> None:
    with pytest.raises(InvalidInput):
        await rig.submit(name, *pages(1))
    assert await rig.redis.keys() == []


@pytest.mark.parametrize("name", ["a", "x" * 64, "A-b_c.9"])
async def test_a_job_name_is_kept(rig: Rig, name: str) -> None:
    await rig.submit(name, *pages(1))
    assert [name async for name, _ in rig.worker().frontier.jobs()] == [name]


async def test_meta_comes_back_byte_for_byte(rig: Rig) -> None:
    meta = b'{"a":[],"n":12345678901234567890,"s":"\xc3\xbc\0\xff"}' * 200
    run = (await rig.submit("j", *pages(1), options=JobOptions(meta=meta))).run
    assert await rig.redis.hget(f"{{pdfs}}:job:{run}", "meta") == meta
    with pytest.raises(InvalidInput):
        JobOptions(meta=b"x" * (16 * 1024 + 1))


async def refusals(rig: Rig, *requests: Any) -> bool:
    """Whether each was refused."""
    answers = await rig.worker().frontier._scripts("submit", *requests)
    return len(answers) == len(requests) and all(isinstance(answer, bytes) for answer in answers)


async def test_what_is_malformed_is_refused_before_anything_is_written(rig: Rig) -> None:
    frontier = rig.worker().frontier
    good, bad = links_of([entry("http://a.test/1")]), links_of([entry("http://a.test/2", fingerprint=b"short")])
    host, name, number, member, rank = good
    malformed: list[list[Any]] = [
        bad,
        ["x"],
        good[:-1],
        [host[1:], name, number, member, rank],
        [host, name, 2, member, rank],
        [host, name, 1.5, member, rank],
        [host, name, number, member, rank + 1],
        [host, name, number, member, rank - PAGE_SCORE],
        [host, name, number, member, 2.0**60],
        [host, name, number, member[:14], rank],
        [host, name, number, member.replace(b"p-", b"p."), rank],
    ]
    before = set(await rig.redis.keys("{pdfs}:job:*"))
    for links in malformed:
        assert await refusals(rig, ("j", FREE.fields(), True, False, good + links, False, False))
    assert await refusals(rig, ("j", FREE.fields(), True), (1, False, True, False, good, False, False), "x")
    with pytest.raises(ResponseError):
        await rig.redis.evalsha(frontier._scripts._scripts["submit"].sha, 1, "x", "", b"\xc1\xff")
    assert set(await rig.redis.keys("{pdfs}:job:*")) == before


async def test_a_commit_with_one_malformed_part_changes_nothing(rig: Rig) -> None:
    await rig.submit("j", *pages(2))
    worker = rig.worker()
    one, two = await worker.lease(2)
    good = [one.token, "p", False, -1, 0, 0, links_of([entry("http://a.test/new")]), True]
    for bad in (
        [two.token, "p", False, -1, 0, 0, [["x"]], True],
        [two.token, "", False, -1, 0, 0, [], True],
        [two.token, "p", False],
    ):
        with pytest.raises(ResponseError):
            await worker.frontier._scripts("commit", "w1", "call", good, bad)
    status = await rig.status("j")
    assert (status["leased"], status["queued"], status["done"]) == (2, 0, 0)


async def test_lists_of_networks_are_kept_once_under_the_number_that_entries_have(rig: Rig) -> None:
    networks = "10.1.0.0/16 fd12::/16"
    reach = reach_with(3, networks)
    for name in ("j", "k"):
        await rig.submit(name, entry(f"http://a.test/{name}", reach=reach), networks=networks)
    assert await rig.redis.hlen("{pdfs}:networks") == 1
    worker = rig.worker()
    for lease in await worker.lease(9):
        assert (lease.reach, block_of(lease.reach)) == (reach, 3)
        assert await worker.frontier.networks(networks_of(lease.reach)) == networks
    assert await worker.frontier.networks(networks_of(reach) + 1) == ""


async def test_two_lists_of_networks_never_share_a_number(rig: Rig) -> None:
    await rig.redis.hset("{pdfs}:networks", str(networks_of(reach_with(0, "10.0.0.0/8"))), "0.0.0.0/0")
    with pytest.raises(FrontierError, match="another list of networks"):
        await rig.submit("j", entry("http://a.test/", reach=reach_with(0, "10.0.0.0/8")), networks="10.0.0.0/8")
    with pytest.raises(JobNotFound):
        await rig.status("j")


def test_what_may_be_reached_costs_no_byte_of_a_payload() -> None:
    plain = entry("http://a.test/x", depth=2, scope="any", document=True)
    assert len(plain.child(reach=7).pack()) == len(plain.pack())
    assert len(plain.child(reach=reach_with(0, "10.0.0.0/8")).pack()) <= len(plain.pack()) + 4
    for reach in (0, 1, 15, reach_with(5, "10.0.0.0/8")):
        kept = plain.child(reach=reach)
        assert Entry.unpack(kept.pack(), kept.fingerprint, kept.host) == kept


@pytest.mark.parametrize(
    ("url", "rest"),
    [
        ("http://a.test/list/2024?page=2", "1"),
        ("http://a.test/x", "list/2024?page=1"),
        ("http://b.test/", "a.test/list/2024?page=1"),
        ("http://a.test/list/2024?page=1", ""),
    ],
)
def test_of_the_page_of_a_link_only_what_differs_is_packed(url: str, rest: str) -> None:
    page = "http://a.test/list/2024?page=1"
    payload = Entry(url=url, fingerprint=bytes(8), host="a.test", found_on=page).pack()
    assert Entry.unpack(payload).found_on == page
    assert payload.endswith(rest.encode())
    assert page.encode() not in payload.replace(url.encode(), b"")
