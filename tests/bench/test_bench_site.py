from __future__ import annotations

import hashlib

import pytest

from bench.content import huge_sha256, page_html, pdf
from bench.site import Site

SITES = [Site(port=8000), Site(4, 30, 100, 7, 2, 8000), Site(1, 1, 3, port=8000), Site(5, 3, 0, port=8000)]


def followed(site: Site) -> set[str]:
    """Every URL that following the links from the first page leads to."""
    seen, pending = {site.url}, [0]
    while pending:
        for url in set(site.links(pending.pop())) - seen:
            seen.add(url)
            kind, number = find(site, url)
            if kind == "page":
                pending.append(number)
    return seen


def find(site: Site, url: str) -> tuple[str, int]:
    address, path = url.removeprefix("http://").split("/", 1)
    found = site.find(address.removesuffix(f":{site.port}"), f"/{path}")
    assert found
    return found


@pytest.mark.parametrize("site", SITES, ids=repr)
def test_links_lead_to_exactly_the_pages_and_documents(site: Site) -> None:
    urls = followed(site)
    assert urls == set(site.page_urls()) | set(site.document_urls())
    assert len(urls) == site.pages + site.documents


@pytest.mark.parametrize("site", SITES, ids=repr)
def test_every_document_is_different(site: Site) -> None:
    expected = site.expected()
    assert list(expected) == site.document_urls()
    assert len(set(expected.values())) == site.documents


def test_documents_have_the_promised_sizes() -> None:
    site = Site(large=3)
    sizes = [site.document_size(document) for document in range(site.documents)]
    assert all(size > 1_000_000 for size in sizes[:3])
    assert all(1_000 <= size <= 700_000 for size in sizes[3:])
    assert sum(map(len, site.document(0))) == sizes[0]


def test_most_documents_are_linked_from_several_pages_and_many_from_another_host() -> None:
    site = Site(port=8000)
    documents = set(site.document_urls())
    links = [
        (url, site.page_url(page)) for page in range(site.pages) for url in documents.intersection(site.links(page))
    ]
    assert len(links) > 2 * site.documents
    elsewhere = {url for url, page in links if url.split("/")[2] != page.split("/")[2]}
    assert len(elsewhere) > site.documents / 4


def test_a_share_of_the_documents_does_not_say_what_it_is() -> None:
    urls = Site().document_urls()
    assert sum(not url.endswith(".pdf") for url in urls) == len(urls) * 16 // 100


def test_a_page_has_the_promised_weight_and_relative_links_on_its_own_host() -> None:
    site = Site(port=8000)
    page = site.page(5)
    assert 9_000 < len(page) < 13_000
    assert page.count(b"<a href=") == len(site.links(5))
    assert b'href="/' in page
    assert b"127.0.0.6:8000" not in page


def test_the_seed_decides() -> None:
    assert Site(seed=1).page(3) == Site(seed=1).page(3) != Site(seed=2).page(3)
    assert not set(Site(2, 4, 9, seed=1).expected().values()) & set(Site(2, 4, 9, seed=2).expected().values())


def test_a_pdf_is_one() -> None:
    body = b"".join(pdf(2_000_000, "some title"))
    assert len(body) == 2_000_000
    assert body.startswith(b"%PDF-1.4\n")
    assert body.endswith(b"\n%%EOF\n")
    xref = int(body.rpartition(b"startxref\n")[2].split()[0])
    table = body[xref:].split(b"\n")
    assert table[:2] == [b"xref", b"0 5"]
    for number, line in enumerate(table[3:7], start=1):
        assert body[int(line.split()[0]) :].startswith(b"%d 0 obj\n" % number)


def test_huge_sha256() -> None:
    assert huge_sha256(3_000) == hashlib.sha256(b"".join(pdf(3_000, "huge"))).hexdigest()


def test_a_pdf_cannot_be_smaller_than_its_frame() -> None:
    with pytest.raises(ValueError, match="at least"):
        pdf(10, "small")


def test_links_are_escaped() -> None:
    assert b'href="/slow?ms=1&amp;id=2"' in page_html("&", ["/slow?ms=1&id=2"])


def test_a_site_without_pages_is_refused() -> None:
    with pytest.raises(ValueError, match="no such site"):
        Site(pages=0)
