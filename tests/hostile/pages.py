"""Pages that are made to cost time or memory, each as large as a page may be."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SIZE = 10 * 1024 * 1024
HTML = "text/html; charset=utf-8"
JSON = "application/json"
XML = "application/xml"
DOCTYPE = "<!doctype html>"
LONG = "x" * 8000
MIB = 1 << 20


class HostilePage(NamedTuple):
    """What is answered, and as what."""

    make: Callable[[], bytes]
    content_type: str = HTML

    def body(self) -> bytes:
        return self.make()[:SIZE]


def filled(pieces: Iterable[str], begin: str = DOCTYPE, size: int = SIZE) -> bytes:
    """``begin`` and as many of the pieces as fit, about."""
    parts, length, remaining = [begin.encode()], len(begin), iter(pieces)
    while length < size and (part := "".join(islice(remaining, 500)).encode()):
        parts.append(part)
        length += len(part)
    return b"".join(parts)


def numbered(pattern: str) -> Iterable[str]:
    """The pattern with each number in the place of its ``@``."""
    before, _, after = pattern.partition("@")
    if "@" in after:
        return (pattern.replace("@", f"{number:x}") for number in count())
    return (f"{before}{number:x}{after}" for number in count())


def repeated(text: str, begin: str = DOCTYPE, end: str = "", size: int = SIZE) -> bytes:
    room = size - len(begin.encode()) - len(end.encode())
    return (begin + text * (room // len(text.encode())) + end).encode()


def long_base() -> bytes:
    links = islice(numbered("<a href=@>"), 50_000)
    return filled(links, f"{DOCTYPE}<base href='/{LONG}/'>")


def nested_anchors() -> bytes:
    """Each of the anchors contains all the text that follows."""
    return repeated("text ", DOCTYPE + "<a href=x><table><tr><td>" * 2_000)


def small_nest() -> bytes:
    return ("<b><p>" * 4_090).encode()


def nested_types() -> bytes:
    """Each of the objects has all those within it as its type."""
    return ('{"type":[' * 300 + f'"{"x" * MIB}"' + "]}" * 300).encode()


def many_attributes() -> bytes:
    return filled(numbered(" a@"), f"{DOCTYPE}<a href=/x")


PAGES = {
    # links
    "anchors": HostilePage(lambda: filled(numbered("<a href=/@>"))),
    "anchors-without-links": HostilePage(lambda: repeated("<a >")),
    "long-base": HostilePage(long_base),
    "international-hosts": HostilePage(lambda: filled(numbered("<a href=http://é@.evil.test/>"))),
    "long-international-hosts": HostilePage(lambda: filled(numbered(f"<a href=http://@{'é.' * 90}test/>"))),
    "escaped-hosts": HostilePage(lambda: filled(numbered("<a href=http://%C3%A9@.evil.test/>"))),
    "punycode-hosts": HostilePage(lambda: filled(numbered("<a href=http://xn--@.evil.test/x.pdf>"))),
    "hosts": HostilePage(lambda: filled(numbered("<a href=http://h@.evil.test/x.pdf>"))),
    "unclean-paths": HostilePage(lambda: filled(numbered("<a href='/é é@?é é=é'>"))),
    "dot-segments": HostilePage(lambda: filled(numbered(f"<a href='/{'./' * 2000}@'>"))),
    "long-links": HostilePage(lambda: filled(numbered(f"<a href='/{LONG}@'>"))),
    "fragments": HostilePage(lambda: filled(numbered("<a href=/x#@>"))),
    "queries": HostilePage(lambda: filled(numbered("<a href='?a=@&url=http://h/x.pdf'>"))),
    "viewers": HostilePage(lambda: filled(numbered("<a href='/viewer.html?file=/viewer.html?file=/@.pdf'>"))),
    "nofollow-links": HostilePage(lambda: filled(numbered("<a rel=nofollow href=/@>"))),
    "robots-metas": HostilePage(lambda: filled(numbered("<meta name=robots content='no@,noindex'>"))),
    "robots-meta": HostilePage(lambda: repeated("noab,", f"{DOCTYPE}<meta name=robots content='", "'>")),
    "userinfo": HostilePage(lambda: filled(numbered(f"<a href='http://u@:{LONG[:4000]}@a.test/@'>"))),
    "entity-bomb": HostilePage(
        lambda: repeated(
            "<loc>&b;</loc>",
            f"<?xml version='1.0'?><!DOCTYPE u [<!ENTITY a '{LONG}'><!ENTITY b '{'&a;' * 900}'>]><urlset>",
        ),
        XML,
    ),
    # the tree
    "nested": HostilePage(lambda: repeated("<div>")),
    "nested-formatting": HostilePage(lambda: repeated("<b><p>")),
    "nested-in-few-tags": HostilePage(small_nest),
    "nested-anchors": HostilePage(nested_anchors),
    "long-attribute": HostilePage(lambda: repeated("x", f"{DOCTYPE}<a href='/", "'>")),
    "long-relation": HostilePage(lambda: repeated("nextt ", f"{DOCTYPE}<link href=/x rel='", "'>")),
    "long-refresh": HostilePage(lambda: repeated("0 ", f"{DOCTYPE}<meta http-equiv=refresh content='", "'>")),
    "many-attributes": HostilePage(many_attributes),
    "many-attributes-in-a-small-page": HostilePage(lambda: many_attributes()[:1_000_000] + b">"),
    "bases": HostilePage(lambda: filled(numbered("<base target=@>"))),
    "bases-with-links": HostilePage(lambda: filled(numbered("<base href=/@/><a href=@>"))),
    "srcsets": HostilePage(lambda: filled(numbered("<img srcset='/@.png 1x, /@2.png 2x'>"))),
    "refreshes": HostilePage(lambda: filled(numbered("<meta http-equiv=refresh content='0;url=/@'>"))),
    "comments": HostilePage(lambda: repeated("<!--")),
    "styles": HostilePage(lambda: repeated("<style>")),
    "titles": HostilePage(lambda: repeated("<title></titl><")),
    "open-tags": HostilePage(lambda: repeated("<a ")),
    "entities": HostilePage(lambda: repeated("&amp;")),
    # scripts
    "quoted-files": HostilePage(lambda: filled(numbered("'@.pdf',"), f"{DOCTYPE}<script>")),
    "quoted-text": HostilePage(lambda: repeated("x", f"{DOCTYPE}<script>pdf='", "'</script>")),
    "quotes": HostilePage(lambda: repeated('"', f"{DOCTYPE}<script>pdf=")),
    "escapes": HostilePage(lambda: repeated("\\\\x", f"{DOCTYPE}<script>'a.pdf';pdfUrl='/", "'</script>")),
    "named-pdf": HostilePage(lambda: repeated("pdf" * 13 + " ", f"{DOCTYPE}<script>")),
    "named-pdf-everywhere": HostilePage(lambda: repeated(f"<script>{'pdf' * 13} </script>")),
    "viewer-calls": HostilePage(lambda: repeated("getDocument(" + "{" * 299, f"{DOCTYPE}<script>")),
    "viewer-call-names": HostilePage(lambda: repeated("getDocument(" + "{url url " * 60, f"{DOCTYPE}<script>")),
    "locations": HostilePage(lambda: filled(numbered("location='/@';"), f"{DOCTYPE}<script>")),
    "json-ld": HostilePage(
        lambda: repeated('{"pdf":[]},', f"{DOCTYPE}<script type=application/ld+json>[", "0]</script>", 2 << 20)
    ),
    "json-ld-nested": HostilePage(
        lambda: repeated("[", f"{DOCTYPE}<script type=application/ld+json>['pdf'", "", 2 << 20)
    ),
    # text
    "data-attributes": HostilePage(lambda: filled(numbered("<p data-pdf='/@.pdf'>"))),
    "data-attribute-openings": HostilePage(lambda: repeated("data-x='pdf")),
    "click": HostilePage(lambda: filled(numbered("<p onclick=\"window.open('/@')\">"))),
    "undecodable": HostilePage(lambda: repeated("é", ""), "text/html; charset=ascii"),
    "undecodable-1252": HostilePage(lambda: b"<html>" + b"\x81" * SIZE, "text/html; charset=windows-1252"),
    "undecodable-utf-7": HostilePage(lambda: b"<html>" + b"\xff" * SIZE, "text/html; charset=utf-7"),
    "astral": HostilePage(lambda: repeated("x", f"{DOCTYPE}\N{GRINNING FACE}<a href=/x>")),
    "ordinary": HostilePage(
        lambda: filled(numbered(f"<p>{'Lorem ipsum dolor sit amet. ' * 14}<a href='/page/@.html'>page</a></p>\n"))
    ),
    # lists
    "sitemap": HostilePage(lambda: filled(numbered("<loc>/@</loc>"), "<urlset>"), XML),
    "sitemap-of-nothing": HostilePage(lambda: repeated("<a>", "<urlset>"), XML),
    "sitemap-of-openings": HostilePage(lambda: repeated("<", "<urlset>"), XML),
    "sitemap-of-comments": HostilePage(lambda: repeated("<!--", "<urlset>"), XML),
    "feed": HostilePage(
        lambda: filled(numbered("<item><link>/@</link><description>&lt;a href=/d@></description></item>"), "<rss>"), XML
    ),
    "feed-of-html": HostilePage(
        lambda: filled(numbered("<description><![CDATA[<a href=/@>]]></description>"), "<rss>"), XML
    ),
    "cdx-rows": HostilePage(lambda: repeated("[1],", '[["urlkey","original"],', "[]]"), "application/json"),
    "cdx-open-rows": HostilePage(lambda: repeated("[", '[["urlkey","original"],'), "application/json"),
    "cdx-quotes": HostilePage(lambda: repeated('["', '[["urlkey","original"],'), "application/json"),
    "cdx-lines": HostilePage(lambda: repeated("\n", "test,a)/ 20200101000000 http://a.test/ text/html 200 A 1 2 f\n")),
    "cdx-captures": HostilePage(
        lambda: filled(
            numbered("test,a)/ 20200101000000 http://a.test/@ application/pdf 200 A 1 2 f\n"),
            "test,a)/ 20200101000000 http://a.test/ text/html 200 A 1 2 f\n",
        ),
        "text/plain",
    ),
    "json-of-lists": HostilePage(lambda: repeated("[],", "[", "[]]"), JSON),
    "json-of-objects": HostilePage(lambda: repeated("{},", "[", "{}]"), JSON),
    "json-of-texts": HostilePage(lambda: repeated('"ab",', "[", "0]"), JSON),
    "json-nested-types": HostilePage(nested_types, JSON),
    "lines": HostilePage(lambda: filled(numbered("http://evil.test/@\n"), "http://evil.test/\n"), "text/plain"),
    "empty-lines": HostilePage(lambda: repeated("\n", "http://evil.test/\n"), "text/plain"),
}
