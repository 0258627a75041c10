"""JSON that lists files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pdfspider.discovery.links import Discovery
from pdfspider.discovery.listings.lists import is_list

PAGE = "http://example.com/dir/list"


def found(body: Any, content_type: str = "application/json", url: str = PAGE) -> list[tuple[str, str, bool]]:
    text = body if isinstance(body, str) else json.dumps(body)
    links = Discovery().links(text, url, content_type=content_type)
    return [(link.technique, link.url.removeprefix("http://example.com/"), link.document) for link in links]


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        (
            "application/feed+json",
            {
                "version": "https://jsonfeed.org/version/1.1",
                "next_url": "/feed?page=2",
                "items": [
                    {
                        "id": "1",
                        "url": "http://example.com/post",
                        "content_html": "<a href='/b.pdf'>x</a>",
                        "attachments": [{"url": "/get/7", "mime_type": "application/pdf"}, {"url": "/x.mp3"}],
                    }
                ],
            },
            [
                ("json-next", "feed?page=2", False),
                ("json", "post", False),
                ("json", "get/7", True),
                ("a", "b.pdf", True),
            ],
        ),
        (
            "application/opds+json; charset=utf-8",
            {
                "links": [{"rel": "next", "href": "?page=2"}, {"rel": "self", "href": "/opds"}],
                "publications": [{"links": [{"href": "/get/7", "type": "application/pdf"}, {"href": "/get/7.epub"}]}],
            },
            [("json-next", "dir/list?page=2", False), ("json", "get/7", True)],
        ),
        (
            "application/linkset+json",
            {"linkset": [{"anchor": "/x", "item": [{"href": "/get/7", "type": "application/pdf"}, {"href": "/y"}]}]},
            [("json", "get/7", True)],
        ),
        (
            "application/json",
            [{"id": 7, "mime_type": "application/pdf", "source_url": "http://example.com/up/7", "link": "/about?x"}],
            [("json", "up/7", True), ("json", "about?x", True)],
        ),
        (
            "application/json",
            {"result": {"resources": [{"format": "PDF", "url": "/r/b", "state": "x"}]}},
            [("json", "r/b", True)],
        ),
        (
            "application/json",
            [
                {"name": "b c.pdf", "type": "file", "mtime": "x", "size": 9},
                {"name": "more", "type": "directory", "mtime": "x"},
                {"name": "x.txt", "type": "file", "mtime": "x"},
            ],
            [("json", "dir/b%20c.pdf", True), ("json-next", "dir/more/", False)],
        ),
        ("application/ld+json", {"rendering": {"@id": "http://example.com/b.pdf"}}, [("json", "b.pdf", True)]),
        ("application/json", [{"filename": "b.pdf", "url": "/api/files/5"}], [("json", "api/files/5", True)]),
        ("application/json", [{"fileExtension": ".PDF", "path": "/api/files/5"}], [("json", "api/files/5", True)]),
        (
            "application/json",
            {"FileRef": "/a b/c.pdf", "report_pdf": "b.pdf"},
            [("json", "a%20b/c.pdf", True), ("json", "dir/b.pdf", True)],
        ),
        ("application/json", {"contentType": "application/pdf", "url": "//example.com/x"}, [("json", "x", True)]),
        (
            "application/json",  # as a Dataverse lists a dataset's files
            {"files": [{"dataFile": {"id": 9, "contentType": "application/pdf"}}, {"dataFile": {"id": 8}}]},
            [("json", "api/access/datafile/9", True)],
        ),
        (
            "application/json",  # as InvenioRDM lists a record's files
            {"entries": [{"key": "b.pdf", "links": {"self": "/files/b", "content": "/files/b/content"}}]},
            [("json", "files/b/content", True)],
        ),
    ],
)
def test_files_and_further_parts(content_type: str, body: Any, expected: list[tuple[str, str, bool]]) -> None:
    assert found(body, content_type) == expected


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", {"label": "b.pdf", "title": "The b.pdf", "url": "/x", "pdf": True}),
        ("application/json", {"type": "application/pdf", "url": "no address", "href": 7, "link": None}),
        ("application/json", '{"url": "/b.pdf"'),
        ("application/json", "[" * 100_000),
        ("text/plain", '{"url": "/b.pdf"}'),
        (None, '{"url": "/b.pdf"}'),
    ],
)
def test_what_lists_nothing(content_type: str, body: Any) -> None:
    assert found(body, content_type) == []


def test_half_a_character_costs_no_list_its_other_files() -> None:
    entries = [{"type": "file", "name": name, "mtime": "x"} for name in ("\ud800.pdf", "b.pdf")]
    assert ("json", "dir/b.pdf", True) in found(entries)


def test_only_declared_json_is_read_as_a_whole() -> None:
    assert is_list(b' {"a": 1}', "application/hal+json;charset=UTF-8", "a")
    assert not is_list(b'{"a": 1}', "text/plain", "a")
    assert is_list(b'[{"a": 1}]', "text/plain", "script-url"), "what a script fetches may be declared as anything"
    assert not is_list(b"[x] {y}", "text/plain", "script-url")
    assert not is_list(b"\x89PNG", "application/json", "a")


def test_values_of_one_list_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdfspider.discovery.listings.json_lists.MAX_URLS", 10)
    body = json.dumps([{"url": f"/{number}.pdf"} for number in range(100)])
    found = Discovery().find(body, PAGE, content_type="application/json")
    assert len(found.links) == 10
    assert found.left_out > 0
