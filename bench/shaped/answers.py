"""What the shaped site's server answers to which path, and to which try."""

from __future__ import annotations

import gzip
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from bench.answers import HTML, Answer, answer
from bench.shaped import places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.shaped.documents import Document
    from bench.shaped.site import Shaped

    Reply = Callable[[int, str], Answer]

XML = "application/xml"
LAST_MODIFIED = "Tue, 14 Jan 2025 09:30:00 GMT"
NOT_FOUND = answer(404, HTML, [b"<p>there is nothing here</p>\n"])
FAKE_BODIES = {
    "login": '<form action="/login" method="post"><input name="user"><input type="password" name="password"></form>',
    "challenge": "<h1>Just a moment...</h1><p>Checking your browser before you go on. cf-chl-opt</p>",
    "shell": '<div id="viewerContainer"><div id="viewer" class="pdfViewer"></div></div>',
}


@dataclass
class ShapedAnswers:
    """Counts how often each path was asked for: what is cut at first may come whole later."""

    site: Shaped
    tries: Counter[tuple[str, str]] = field(default_factory=Counter)

    def to(self, address: str, target: str, head: str) -> Answer:
        reply = self.routes.get((address, target)) or _viewer(target)
        if reply is None:
            return NOT_FOUND
        self.tries[address, target] += 1
        return reply(self.tries[address, target], head)

    @cached_property
    def routes(self) -> dict[tuple[str, str], Reply]:
        site = self.site
        routes: dict[tuple[str, str], Reply] = {}
        for host in range(site.hosts):
            routes |= {(site.addresses[host], path): reply for path, reply in self._of_host(host)}
        for page in range(site.pages):
            routes[site.addresses[page % site.hosts], site.page_path(page)] = partial(self._page, page)
        for document in site.documents:
            routes[site.addresses[document.host], document.path] = partial(self._document, document)
            if document.moved:
                target = site.document_url(document)
                routes[site.addresses[document.number % site.hosts], moved_path(document)] = partial(_moved, target)
        for number, kind in enumerate(site.fakes):
            routes[site.addresses[number % site.hosts], fake_path(number)] = partial(self._fake, number, kind)
        return routes

    def _of_host(self, host: int) -> Iterable[tuple[str, Reply]]:
        """robots.txt, lists of URLs, and the pages that hide only one document."""
        origin = self.site.origin(host)
        robots = f"User-agent: *\nDisallow: /private/\nSitemap: {origin}/sitemap.xml\n"
        sitemap = gzip.compress(places.sitemap(self._listed("sitemap", host)), mtime=0)
        yield "/robots.txt", _plain("text/plain", robots.encode())
        yield "/sitemap.xml", _plain(XML, places.sitemap_index([f"{origin}/sitemap-1.xml.gz"]))
        yield "/sitemap-1.xml.gz", _plain("application/x-gzip", sitemap)
        yield "/feed.xml", _plain("application/rss+xml", places.feed(self._listed("feed", host)))
        if host == 0:
            yield "/list.txt", _plain("text/plain", "\n".join(self._listed("list")).encode())
            yield places.OAI, _plain(XML, places.records(self._listed("records"), "more"))
            yield f"{places.OAI}&resumptionToken=more", _plain(XML, places.records(self._listed("more")))
        for document in self.site.documents:
            if document.number % self.site.hosts == host and document.place.where in {"own", "rewritten"}:
                markup = self._written(document) if document.place.where == "own" else ""
                yield own_path(document), _plain(HTML, places.own_page(markup))

    def _listed(self, where: str, host: int | None = None) -> list[str]:
        """What is hidden in the lists of one host, or of all."""
        return [
            self._written(document)
            for document in self.site.documents
            if document.place.where == where and host in {None, document.number % self.site.hosts}
        ]

    @cached_property
    def _on_page(self) -> dict[int, list[Document]]:
        on_page = defaultdict(list)
        for document in self.site.documents:
            on_page[self.site.page_of(document)].append(document)
        return on_page

    def _page(self, page: int, _try: int, _head: str) -> Answer:
        site, head, headers = self.site, list[str](), list[str]()
        body = [places.PLACES[0].write(url) for url in site.children(page)]
        body += [places.PLACES[0].write(fake_path(n)) for n in range(page, len(site.fakes), site.pages)]
        if page < site.hosts:
            body.append(places.feed_link("/feed.xml"))
        for document in self._on_page[page]:
            where = document.place.where
            if document.number in site.landings or where in places.LISTS:
                continue
            apart = where in {"own", "rewritten"}
            written = places.PLACES[0].write(own_path(document)) if apart else self._written(document)
            {"head": head, "header": headers}.get(where, body).append(written)
        links = "".join(f"Link: {value}\r\n" for value in headers)
        return answer(200, HTML, [places.page(f"Page {page}", head, body)], links)

    def _written(self, document: Document) -> str:
        """The document's link as its place has it: with its host where that is another one, or must be there."""
        home = document.number % self.site.hosts
        path = moved_path(document) if document.moved else document.path
        host = home if document.moved else document.host
        relative = host == home and document.place.where not in places.ABSOLUTE
        return document.place.write(path if relative else self.site.origin(host) + path)

    def _document(self, document: Document, tried: int, head: str) -> Answer:
        headers = self._headers(document)
        if is_known(headers, head):
            return answer(304, "application/pdf", [], headers)
        body = self.site.body(document)
        if document.cut and (tried == 1 or not document.heals):
            return cut(document.cut, b"".join(body), headers)
        whole = answer(200, document.content_type or "", body, headers)
        return whole if document.content_type else whole._replace(head=whole.head.replace(b"Content-Type: \r\n", b""))

    def _headers(self, document: Document) -> str:
        """Every document has a validator, so that a later crawl can ask whether it has changed."""
        etag = f'ETag: "{self.site.hashes[document.number][:16]}"\r\n' if document.number % 10 < 7 else ""
        modified = f"Last-Modified: {LAST_MODIFIED}\r\n" if document.number % 10 > 4 else ""
        named = f'Content-Disposition: attachment; filename="report {document.number}.pdf"\r\n'
        return etag + modified + ("" if document.says_pdf else named)

    def _fake(self, number: int, kind: str, _try: int, _head: str) -> Answer:
        hidden = [document for document, fake in self.site.landings.items() if fake == number]
        body = [self._landing(document) for document in hidden] or [FAKE_BODIES.get(kind, "gone")]
        return answer(200, "application/pdf" if number % 3 == 0 else HTML, [places.page(kind, [], body)])

    def _landing(self, number: int) -> str:
        document = self.site.documents[number]
        return document.place.write(self.site.document_url(document))


def fake_path(number: int) -> str:
    return f"/articles/{number}.pdf"


def moved_path(document: Document) -> str:
    return f"/r/{document.number}"


def own_path(document: Document) -> str:
    return (
        f"/abs/{document.number}"
        if document.place.where == "rewritten"
        else f"/{document.place.name}/{document.number}.html"
    )


def is_known(headers: str, request: str) -> bool:
    """Whether the request has a condition that these headers meet."""
    asked = re.search(r"^If-None-Match: *(.+?)\r?$", request, re.MULTILINE | re.IGNORECASE)
    if asked:
        return f"ETag: {asked[1]}\r\n" in headers
    since = re.search(r"^If-Modified-Since: *(.+?)\r?$", request, re.MULTILINE | re.IGNORECASE)
    return since is not None and f"Last-Modified: {since[1]}\r\n" in headers


def cut(how: str, body: bytes, headers: str) -> Answer:
    """The first half of a document, and then the connection ends."""
    half = body[: len(body) // 2]
    framing = {"length": f"Content-Length: {len(body)}", "chunked": "Transfer-Encoding: chunked", "closed": "X-Cut: 1"}
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n{framing[how]}\r\nConnection: close\r\n{headers}\r\n"
    sent = b"%x\r\n%b\r\n" % (len(half), half) if how == "chunked" else half
    return Answer(200, head.encode("latin-1"), [sent], close=True)


def _viewer(target: str) -> Reply | None:
    shell = _plain(HTML, places.page("Viewer", [], [FAKE_BODIES["shell"]]))
    return shell if target.startswith(("/web/viewer.html", "/gview")) else None


def _plain(content_type: str, body: bytes) -> Reply:
    return lambda _try, _head: answer(200, content_type, [body])


def _moved(target: str, _try: int, _head: str) -> Answer:
    return answer(302, HTML, [b"moved\n"], f"Location: {target}\r\n")
