"""Where the shaped site hides its documents: one place, one piece of HTML, XML or text.

A place carries the name of the technique that finds what is hidden there, so that recall can be told for each.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Place(NamedTuple):
    """A place, named as the technique that finds what is hidden there, or all that it takes to find it in ``needs``.

    ``where``: in the ``head`` or the ``body`` of a page, on a page of its ``own``, in a ``header``, in the ``feed``,
    the ``sitemap``, the ``list`` or the OAI-PMH ``records`` (``more``: behind a resumption token) of a host, or at a
    ``rewritten`` URL. ``named``: whether the document must, or must not, say in its URL that it is a PDF.
    ``outside``: it lies on the host that is in no seed's scope.
    """

    name: str
    write: Callable[[str], str]
    where: str = "body"
    share: float = 1.0
    named: bool | None = None
    outside: bool = False
    needs: tuple[str, ...] = ()

    @property
    def techniques(self) -> frozenset[str]:
        return frozenset(self.needs or (self.name,))

    @property
    def recorded(self) -> str:
        """The technique that a capture of the document has."""
        return self.needs[-1] if self.needs else self.name


def _html(pattern: str) -> Callable[[str], str]:
    return lambda url: pattern.format(escape(url))


def _json(pattern: str) -> Callable[[str], str]:
    return lambda url: pattern % json.dumps(url).replace("/", r"\/")


def _quoted(pattern: str) -> Callable[[str], str]:
    return lambda url: pattern.format(quote(url, safe=""))


_ANCHOR = _html('<a href="{}">the report</a>')
_RECORD = _html("<record><metadata><dc:identifier>{}</dc:identifier></metadata></record>")
_FRAMED = ("iframe", "viewer")
_STEPS = ("robots-sitemap", "sitemap-index", "sitemap")
PLACES = (
    Place("a", _ANCHOR, share=34),
    Place("a", _html('<map name="m"><area shape="rect" coords="0,0,9,9" href="{}" alt="the report"></map>')),
    Place("link-text", _html('<a href="{}">Download PDF</a>'), named=False, outside=True),
    Place("iframe", _html('<iframe src="{}"></iframe>')),
    Place("frame", _html('<frameset cols="100%"><frame src="{}"></frameset>'), "own"),
    Place("embed", _html('<embed src="{}" type="application/pdf">')),
    Place("object", _html('<object data="{}" type="application/pdf"></object>')),
    Place("form", _html('<form action="{}"><button>PDF</button></form>'), named=True),
    Place("link", _html('<link rel="alternate" type="application/pdf" href="{}">'), "head"),
    Place("meta-refresh", _html('<meta http-equiv="refresh" content="3; URL={}">'), "own"),
    Place("citation-pdf", _html('<meta name="citation_pdf_url" content="{}">'), "head", named=False),
    Place("meta-url", _html('<meta name="DC.identifier" content="{}">'), "head", named=True),
    Place("link-header", '<{}>; rel="alternate"; type="application/pdf"'.format, "header"),
    Place(
        "json-ld",
        _json(
            '<script type="application/ld+json">{"@type": "ScholarlyArticle", "encoding": {"@type": "MediaObject",'
            ' "encodingFormat": "application/pdf", "contentUrl": %s}}</script>'
        ),
        "head",
        named=False,
    ),
    Place("script-url", _json('<script>window.__STATE__ = {"article": {"id": 7, "pdfUrl": %s}};</script>')),
    Place("script-location", _json("<script>window.location.href = %s;</script>"), "own", named=False),
    Place("data-attribute", _html('<button class="download" data-pdf-url="{}">Download</button>')),
    Place("event", _html("""<button onclick="window.open('{}', '_blank'); return false">Download</button>""")),
    Place("framed viewer", _quoted('<iframe src="/web/viewer.html?file={}#page=1"></iframe>'), needs=_FRAMED),
    Place("viewer", _quoted('<a href="/gview?embedded=true&amp;url={}">the report</a>')),
    Place("site", _ANCHOR, "rewritten"),
    Place("sitemap", _html("<url><loc>{}</loc></url>"), "sitemap", 2, needs=_STEPS),
    Place("feed", _html('<item><enclosure url="{}" length="1" type="application/pdf"/></item>'), "feed", 2),
    Place("text-list", "{}".format, "list"),
    Place("oai-pmh", _RECORD, "records"),
    Place("oai-next", _RECORD, "more", needs=("oai-next", "oai-pmh")),
)
ABSOLUTE = frozenset(("head", "header", "sitemap", "feed", "list", "records", "more"))
"""Where a link has to be written with its host."""
LISTS = frozenset(("sitemap", "feed", "list", "records", "more"))
OAI = "/oai?verb=ListRecords"

_FEED = '<?xml version="1.0"?>\n<rss version="2.0"><channel><title>Reports</title>{}</channel></rss>\n'
_SITEMAP = '<?xml version="1.0"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>\n'
_INDEX = '<?xml version="1.0"?>\n<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</sitemapindex>\n'
_RECORDS = (
    '<?xml version="1.0"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><ListRecords>{}</ListRecords></OAI-PMH>\n'
)
_PAGE = "<!DOCTYPE html>\n<html><head><title>{}</title>\n{}\n</head>\n<body>\n<h1>{}</h1>\n{}\n</body></html>\n"
_FEED_LINK = '<link rel="alternate" type="application/rss+xml" href="{0}"><a href="{0}">RSS</a>'


def page(title: str, head: Iterable[str], body: Iterable[str]) -> bytes:
    return _PAGE.format(title, "\n".join(head), title, "\n".join(f"<p>{line}</p>" for line in body)).encode()


def own_page(markup: str) -> bytes:
    """A page that has nothing but this, in its head where it is a meta element."""
    return f"<!DOCTYPE html>\n<html><head><title>One moment</title>{markup}</head></html>\n".encode()


def feed(items: Iterable[str]) -> bytes:
    return _FEED.format("\n".join(items)).encode()


def feed_link(url: str) -> str:
    return _FEED_LINK.format(url)


def sitemap(entries: Iterable[str]) -> bytes:
    return _SITEMAP.format("\n".join(entries)).encode()


def sitemap_index(urls: Iterable[str]) -> bytes:
    return _INDEX.format("".join(f"<sitemap><loc>{escape(url)}</loc></sitemap>" for url in urls)).encode()


def records(entries: Iterable[str], token: str = "") -> bytes:
    """An answer of OAI-PMH; with a ``token`` there is more."""
    more = [f"<resumptionToken>{token}</resumptionToken>"] if token else []
    return _RECORDS.format("\n".join([*entries, *more])).encode()
