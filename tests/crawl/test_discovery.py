"""What leads to documents and is no ordinary link, crawled from end to end."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from tests.crawl.hostile import HTML, Hostile, document, hostile, page, reply

if TYPE_CHECKING:
    from tests.support import Fleet

XML = "application/xml"
TEXT = "text/plain"


def sitemap(*urls: str) -> bytes:
    return f"<urlset>{''.join(f'<url><loc>{url}</loc></url>' for url in urls)}</urlset>".encode()


def found(fleet: Fleet, server: Hostile) -> dict[str, tuple[str, str, int]]:
    """Technique, class and depth by path."""
    rows = fleet.rows()
    return {
        row["url"].replace(server.url(""), "").replace(server.url("", host=2), "2:"): (
            row["technique"],
            row["outcome"],
            row["depth"],
        )
        for row in rows
    }


def test_sitemaps_feeds_and_headers(fleet: Fleet) -> None:
    with hostile() as server:
        here = server.url("")
        index = f"<?xml version='1.0'?><sitemapindex><sitemap><loc>{here}/map.xml.gz</loc></sitemap></sitemapindex>"
        server.answers |= {
            "/robots.txt": reply(f"Sitemap: {here}/index.xml\nSitemap: {server.url('/no.xml', host=2)}".encode(), TEXT),
            "/index.xml": reply(index.encode(), XML),
            "/map.xml.gz": reply(
                gzip.compress(sitemap(f"{here}/hidden/1", f"{here}/hidden/2.pdf", server.url("/x", host=2))),
                "application/gzip",
            ),
            "/": reply(b"<html><a href=/feed>", HTML, f'Link: <{here}/linked>; rel="item"; type="application/pdf"'),
            "/feed": reply(f"<rss><channel><enclosure url='{here}/enclosed' type='application/pdf'/>".encode(), XML),
            "/hidden/1": page(),
            **{path: reply(document(path)) for path in ("/hidden/2.pdf", "/linked", "/enclosed")},
        }
        fleet.crawl(server.url())
        assert found(fleet, server) == {
            "/": ("seed", "page", 0),
            "/index.xml": ("robots-sitemap", "page", 0),
            "/map.xml.gz": ("sitemap-index", "page", 0),
            "/hidden/1": ("sitemap", "page", 1),
            "/hidden/2.pdf": ("sitemap", "document", 1),
            "/linked": ("link-header", "document", 1),
            "/feed": ("a", "page", 1),
            "/enclosed": ("feed", "document", 2),
        }
        fleet.crawl(server.url(), arguments={"job": "near", "depth": 1})
        assert server.paths().count("/index.xml") == 1
    fleet.audit()


def test_lists_as_seeds(fleet: Fleet) -> None:
    with hostile() as server:
        far = server.url("", host=2)
        record = f"<record><dc:identifier>{far}/landing</dc:identifier></record>"
        token = "<resumptionToken>a/b&amp;c</resumptionToken>"
        server.answers |= {
            "/list.txt": reply(f"# what is wanted\n{far}/listed\n{far}/listed.pdf\n".encode(), TEXT),
            "/oai?verb=ListRecords": reply(f"<OAI-PMH>{record}{token}</OAI-PMH>".encode(), XML),
            "/oai?verb=ListRecords&resumptionToken=a%2Fb%26c": reply(
                f"<OAI-PMH><dc:identifier>{far}/second.pdf</dc:identifier><resumptionToken/></OAI-PMH>".encode(), XML
            ),
            "/listed": page("/deeper.pdf", server.url("/elsewhere")),
            "/landing": page("/landed.pdf", "/list-of-no-seed.txt", "/about"),
            "/about": page("/beyond"),
            "/list-of-no-seed.txt": reply(f"{far}/never".encode(), TEXT),
            **{
                path: reply(document(path))
                for path in ("/listed.pdf", "/second.pdf", "/deeper.pdf", "/landed.pdf", "/twin.pdf")
            },
        }
        oai = server.url("/oai?verb=ListRecords")
        fleet.crawl(
            server.url("/list.txt"),
            oai,
            PDF_SITEMAPS=False,
            PDF_SITE_RULES={"127.0.0.2": [["(.*)/listed", "\\1/twin.pdf"]]},
        )
        assert found(fleet, server) == {
            "/list.txt": ("seed", "page", 0),
            "2:/listed": ("text-list", "page", 1),
            "2:/listed.pdf": ("text-list", "document", 1),
            "2:/twin.pdf": ("site", "document", 1),
            "2:/deeper.pdf": ("a", "document", 2),
            "/elsewhere": ("a", "not-found", 2),
            "/oai?verb=ListRecords": ("seed", "page", 0),
            "/oai?verb=ListRecords&resumptionToken=a%2Fb%26c": ("oai-next", "page", 0),
            "2:/landing": ("oai-pmh", "page", 1),
            "2:/second.pdf": ("oai-pmh", "document", 1),
            "2:/landed.pdf": ("a", "document", 2),
            "2:/about": ("a", "page", 2),
            "2:/list-of-no-seed.txt": ("a", "other", 2),
        }
    fleet.audit()


def test_techniques_and_rules_are_checked_at_the_start(fleet: Fleet) -> None:
    worker = fleet.start("http://127.0.0.1:9/", PDF_TECHNIQUES_OFF="a,anchor")
    assert worker.wait() != 0
    assert "PDF_TECHNIQUES_OFF: 'anchor' is no technique; there are a, " in worker.output
    assert "Traceback" not in worker.output
