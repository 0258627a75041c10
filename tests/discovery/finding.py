"""Pieces of lists, and what is found in a page by one technique."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pdfspider.discovery.links import Discovery

PAGE = "http://example.com/dir/page.html"
SITEMAP = "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{}</urlset>"
LD = '<script type="application/ld+json">{}</script>'
BUCKET = "<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>{}</ListBucketResult>"
OAI = "<?xml version='1.0'?><OAI-PMH><ListRecords>{}</ListRecords></OAI-PMH>"
NEXT = "dir/page.html?verb=ListRecords&resumptionToken=x%2F1"
RSS = "<?xml version='1.0'?><rss><channel>{}</channel></rss>"
ATOM = "<feed xmlns='http://www.w3.org/2005/Atom'><entry>{}</entry></feed>"


def found(discovery: Discovery, body: str, technique: str | None = None, **others: Any) -> list[tuple[str, str, bool]]:
    links = discovery.links(body, PAGE, technique=technique, **others)
    return [(link.technique, link.url.removeprefix("http://example.com/"), link.document) for link in links]
