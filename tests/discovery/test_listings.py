"""Lists: buckets, sitemaps and feeds."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from pdfspider.discovery.links import Discovery
from pdfspider.discovery.listings.lists import is_list
from tests.discovery.finding import BUCKET, OAI, RSS, found

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://data.s3.example/?list-type=2&prefix=a", "http://data.s3.example/a/b.pdf"),
        ("http://s3.example/data?list-type=2", "http://s3.example/data/a/b.pdf"),
        ("http://s3.example/data/", "http://s3.example/data/a/b.pdf"),
    ],
)
def test_an_object_is_below_its_bucket(url: str, expected: str) -> None:
    listed = BUCKET.format("<Name>data</Name><Prefix>a</Prefix><Contents><Key>a/b.pdf</Key></Contents>")
    assert [link.url for link in Discovery().links(listed, url)] == [expected]


def test_azure_lists_blobs_below_their_container() -> None:
    blob = "<Blobs><Blob><Name>a/b.pdf</Name></Blob><BlobPrefix><Name>c/</Name></BlobPrefix></Blobs>"
    listed = f"<?xml version='1.0'?><EnumerationResults>{blob}<NextMarker>m</NextMarker></EnumerationResults>"
    links = Discovery().links(listed, "http://s.example/data?comp=list")
    assert [link.url.removeprefix("http://s.example/data") for link in links] == [
        "/a/b.pdf",
        "?comp=list&prefix=c%2F",
        "?comp=list&marker=m",
    ]


def test_a_next_part_of_a_listing_keeps_the_query() -> None:
    listed = BUCKET.format("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>")
    url = "http://s3.example/data?list-type=2&prefix=a&continuation-token=s"
    (link,) = Discovery().links(listed, url)
    assert link.url == "http://s3.example/data?list-type=2&prefix=a&continuation-token=t"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-gzip", "application/octet-stream", None])
def test_a_sitemap_may_be_plain_text_whatever_it_is_called(pack: Callable[[bytes], bytes], content_type: str) -> None:
    body = pack(b"http://example.com/b.pdf\r\nhttp://other.org/c\r\n")
    assert is_list(body, content_type, "robots-sitemap")
    links = Discovery().links(body, "http://example.com/map.txt", content_type=content_type, technique="robots-sitemap")
    assert [(link.url, link.technique) for link in links] == [
        ("http://example.com/b.pdf", "sitemap"),
        ("http://other.org/c", "sitemap"),
    ]
    assert not is_list(body, "application/octet-stream", "a")


def test_feeds_are_followed_from_seeds_only() -> None:
    assert found(Discovery(), "<link rel=alternate type=application/atom+xml href=/b>", "a") == []


def test_feeds_are_searched_for_the_pages_in_them() -> None:
    item = "<description>&lt;a href='/b.pdf'&gt;x&lt;/a&gt;</description>"
    item += "<content:encoded><![CDATA[<p><iframe src='/c'></iframe>]]></content:encoded>"
    assert found(Discovery(), RSS.format(item)) == [("a", "b.pdf", True), ("iframe", "c", False)]


@pytest.mark.parametrize("body", [OAI.format("<identifier>http://example.com/b</identifier>"), "http://example.com/b"])
def test_some_lists_count_only_as_seeds(body: str) -> None:
    assert found(Discovery(), body, "seed") != []
    assert found(Discovery(), body, "a") == []
