"""Answers of CDX APIs, as the Wayback Machine, pywb and Common Crawl give them."""

from __future__ import annotations

import json

import pytest

from pdfspider.discovery.links import Discovery

API = "https://archive.example/cdx?url=example.com/*"
PDF, HTML = "application/pdf", "text/html"
A, B, C = "http://example.com/a.pdf", "https://example.com/get?id=7", "http://example.com:8080/c%20d.pdf"
CAPTURED = [(A, PDF, "200"), (A, PDF, "200"), (B, "application/x-pdf", "200"), (C, "warc/revisit", "-")]
OTHERS = [
    ("http://example.com/", HTML, "200"),
    ("http://example.com/gone.pdf", PDF, "404"),
    ("dns:example.com", "x", "200"),
]
FIELDS = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length")


def rows(*more: list[str]) -> str:
    """JSON of the Wayback Machine."""
    found = [["com,example)/", "20200101000000", *one, "ABC", "99"] for one in CAPTURED + OTHERS]
    return json.dumps([FIELDS, *found, *more])


def objects(*, prefix: str = "") -> str:
    """Lines of JSON as pywb and Common Crawl write them, or with a prefix those of CDXJ."""
    lines = [
        prefix
        + json.dumps(
            {"urlkey": "com,example)/", "timestamp": "20200101000000", "url": url, "mime": kind, "status": status}
        )
        for url, kind, status in CAPTURED + OTHERS
    ]
    return "\n".join(lines) + "\n"


def plain(header: str = "") -> str:
    return header + "\n".join(
        f"com,example)/ 20200101000000 {url} {kind} {status} ABCDEF - - 99 0 a.warc.gz"
        for url, kind, status in CAPTURED + OTHERS
    )


ANSWERS = {
    "objects of CDXJ with a head": f"!OpenWayback-CDXJ 1.0\n{objects(prefix='com,example)/ 20200101000000 ')}",
    "rows": rows(),
    "objects": objects(),
    "cdxj": objects(prefix="com,example)/ 20200101000000 "),
    "plain": plain(),
    "header": plain(" CDX N b a m s k r M S V g\n"),
    "broken": objects() + '{"url": "http://exa',
    "detected": objects().replace('"mime"', '"mime": "text/html", "mime-detected"'),
}


def found(text: str, url: str = API, technique: str = "seed") -> list[tuple[str, str, bool]]:
    return [
        (link.technique, link.url, link.document)
        for link in Discovery().links(text, url, content_type="text/plain", technique=technique)
    ]


@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS)
def test_captured_pdfs_are_found_once(text: str) -> None:
    assert found(text) == [("cdx", url, True) for url in (A, B, C)]


def test_of_urls_alone_those_that_say_pdf_are_taken() -> None:
    assert found(json.dumps([["original"], [A], [B], ["http://example.com/"], [C]])) == [
        ("cdx", A, True),
        ("cdx", C, True),
    ]


def test_answers_go_on() -> None:
    last = found(rows([], ["com,example)/d 20200102"]))[-1]
    assert last == ("cdx-next", f"{API.replace('/*', '%2F%2A')}&resumeKey=com%2Cexample%29%2Fd+20200102", False)
    assert found(rows(), API + "&page=3")[-1][1].endswith("page=4")
    assert found("[]", API + "&page=9") == []
    assert found(plain() + "\n\ncom,example)/e 2020\n", technique="cdx-next")[-1][1].endswith(
        "resumeKey=com%2Cexample%29%2Fe+2020"
    )


def test_only_what_was_handed_in_is_read_so() -> None:
    assert all(technique != "cdx" for technique, *_ in found(rows(), technique="a"))


@pytest.mark.parametrize(
    "text", ["[[" * 50_000, '[["original"]', '[["original"], {}, [1, 2], "x", []]', '{"url": "\\ud800"}', "[]"]
)
def test_odd_answers_lead_nowhere(text: str) -> None:
    assert [one for one in found(text) if one[0].startswith("cdx")] == []
