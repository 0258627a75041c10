"""Small sites that serve documents in odd ways, each behind a page of its own, and what a visitor gets of them.

A site is a function that adds answers to a server, links and documents. None is like another, nor like what the tests
of single parts use.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.content import pdf
from tests.crawl.hostile import HTML, PDF, Cutting, Hostile, redirect, reply, unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crawl.hostile import Answer, Request

SITES: dict[str, Callable[[Odd], None]] = {}
COOKIE = re.compile(r"\r\nCookie: (.*)\r\n", re.IGNORECASE)
REFERER = re.compile(r"\r\nReferer: (.*)\r\n", re.IGNORECASE)


@dataclass
class Odd:
    """One site: its server, the prefix of its paths, the links of its page, and its documents by name."""

    server: Hostile
    name: str
    links: list[str] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    headers: tuple[str, ...] = ()

    @property
    def root(self) -> str:
        return f"/{self.name.replace(' ', '-')}/"

    def body(self, name: str, size: int = 2000) -> bytes:
        """The bytes of a document that is to be kept."""
        body = b"".join(pdf(size, f"{self.name[:30]} {name[:16]}"))
        return self.keep(name, body)

    def keep(self, name: str, body: bytes) -> bytes:
        self.documents[name] = hashlib.sha256(body).hexdigest()
        return body

    def refuse(self, body: bytes) -> bytes:
        """The bytes of what must not be kept."""
        self.refused.add(hashlib.sha256(body).hexdigest())
        return body

    def add(self, path: str, answer: Answer) -> None:
        self.server.answers[self.root + path] = answer

    def file(self, path: str, answer: Answer | None = None, *, linked: bool = True) -> None:
        """Add a document, with a link to it on the site's page."""
        self.add(path, reply(self.body(path)) if answer is None else answer)
        if linked:
            self.links.append(f"<a href='{self.root}{path}'>x</a>")

    def page(self, path: str, html: str, *headers: str, linked: bool = True, status: str = "200 OK") -> None:
        self.add(path, reply(f"<html><body>{html}</body></html>".encode(), HTML, *headers, status=status))
        if linked:
            self.links.append(f"<a href='{self.root}{path}'>x</a>")


def site(make: Callable[[Odd], None]) -> Callable[[Odd], None]:
    SITES[make.__name__.replace("_", " ")] = make
    return make


def build(server: Hostile) -> list[Odd]:
    """Add all sites to a server; its root leads to each of them."""
    made = []
    for name, make in SITES.items():
        odd = Odd(server, name)
        make(odd)
        page = "".join(odd.links)
        if odd.root not in server.answers:
            odd.add("", reply(f"<html><title>{name}</title><body>{page}</body></html>".encode(), HTML, *odd.headers))
        made.append(odd)
    home = "".join(f"<p><a href='{odd.root}'>{odd.name}</a>" for odd in made)
    server.answers["/"] = reply(f"<html><body>{home}</body></html>".encode(), HTML)
    return made


def cookies_of(request: Request) -> str:
    found = COOKIE.search(request.headers)
    return found[1] if found else ""


def needs(condition: Callable[[Request], bool], yes: bytes, no: bytes) -> Answer:
    """An answer that depends on the request."""

    def answer(request: Request) -> None:
        request.send(yes if condition(request) else no)

    return answer


def in_turn(*answers: bytes) -> Answer:
    """One answer after the other, then the last one again."""
    left = list(answers)

    def answer(request: Request) -> None:
        request.send(left.pop(0) if len(left) > 1 else left[0])

    return answer


FORBIDDEN = reply(b"<html><h1>Forbidden</h1></html>", HTML, status="403 Forbidden")


@site
def ticket_of_the_landing_page(odd: Odd) -> None:
    odd.headers = (f"Set-Cookie: ticket=4711; Path={odd.root}; HttpOnly; SameSite=Lax",)
    good = reply(odd.body("a"))
    odd.file("a", needs(lambda request: "ticket=4711" in cookies_of(request), good, FORBIDDEN))
    good = reply(odd.body("b.pdf"))
    odd.file("b.pdf", needs(lambda request: "ticket=4711" in cookies_of(request), good, redirect(odd.root)))


@site
def terms_to_agree_to(odd: Odd) -> None:
    def agreed(request: Request) -> bool:
        return "agreed=yes" in cookies_of(request)

    terms = f"{odd.root}terms?to={odd.root}a.pdf"
    odd.file("a.pdf", needs(agreed, reply(odd.body("a.pdf")), redirect(terms)))
    hidden = f"<input type=hidden name=to value='{odd.root}a.pdf'>"
    form = f"<form action='{odd.root}agree'>{hidden}<button>I agree</button></form>"
    odd.page(f"terms?to={odd.root}a.pdf", form, linked=False)
    to = odd.root.replace("/", "%2F")
    odd.add(f"agree?to={to}a.pdf", redirect(f"{odd.root}a.pdf", f"Set-Cookie: agreed=yes; Path={odd.root}"))


@site
def terms_behind_a_check_box(odd: Odd) -> None:
    good = reply(odd.body("get?doc=3"))
    form = (
        f"<form action='{odd.root}get'><input type=hidden name=doc value=3>"
        "<label><input type=checkbox name=ok value=1 required> I have read this</label>"
        "<input type=submit value=Go></form>"
    )
    odd.page("get?doc=3", form)
    odd.add("get?doc=3&ok=1", good)


@site
def a_cookie_set_by_a_script(odd: Odd) -> None:
    good = reply(odd.body("a.pdf"))
    check = b"<html><script>document.cookie = 'seen=1; path=/'; location.reload()</script></html>"
    odd.file("a.pdf", needs(lambda request: "seen=1" in cookies_of(request), good, reply(check, HTML)))
    check = (
        b"<html><script>Cookies.set('human', 'yes');setTimeout(() => location.assign(location.href))</script></html>"
    )
    listed = reply(f"<html><a href='{odd.root}b'>x</a></html>".encode(), HTML)
    odd.add("list", needs(lambda request: "human=yes" in cookies_of(request), listed, reply(check, HTML)))
    odd.links.append(f"<a href='{odd.root}list'>x</a>")
    odd.file("b", linked=False)


@site
def only_from_its_own_page(odd: Odd) -> None:
    good = reply(odd.body("a.pdf"))

    def came_from_list(request: Request) -> bool:
        found = REFERER.search(request.headers)
        return bool(found and found[1].endswith(f"{odd.root}list"))

    odd.page("list", f"<a href='{odd.root}a.pdf'>x</a>")
    odd.add("a.pdf", needs(came_from_list, good, FORBIDDEN))


@site
def tokens_of_the_session(odd: Odd) -> None:
    """Each visit of the list begins a session anew, and its links are good in that session only."""
    sessions: list[int] = []

    def list_page(request: Request) -> None:
        sessions.append(len(sessions) + 1)
        number = sessions[-1]
        html = f"<html><a href='{odd.root}get?file=a.pdf&amp;sid={number}'>x</a></html>".encode()
        request.send(reply(html, HTML, f"Set-Cookie: session={number}; Path={odd.root}"))

    good = reply(odd.body("a.pdf"))
    odd.add("list", list_page)
    odd.links.append(f"<a href='{odd.root}list'>x</a>")
    for number in range(1, 9):

        def is_mine(request: Request, number: int = number) -> bool:
            return f"session={number}" in cookies_of(request)

        odd.add(f"get?file=a.pdf&sid={number}", needs(is_mine, good, FORBIDDEN))


@site
def found_without_a_location(odd: Odd) -> None:
    """A redirect that says only in its page where it leads."""
    odd.page("moved", f"moved <a href='{odd.root}a.pdf'>here</a>", status="302 Found")
    odd.file("a.pdf", linked=False)
    odd.page("moved.pdf", f"<a href='{odd.root}b.pdf'>here</a>", status="301 Moved Permanently")
    odd.file("b.pdf", linked=False)


@site
def choices(odd: Odd) -> None:
    odd.page("choose", f"<ul><li><a href='{odd.root}a.pdf'>x</a></ul>", status="300 Multiple Choices")
    odd.file("a.pdf", linked=False)
    odd.page("prefer", "x", f"Location: {odd.root}b", status="300 Multiple Choices")
    odd.file("b", linked=False)


@site
def refreshes(odd: Odd) -> None:
    odd.page("one", "wait", f'Refresh: 0; URL="{odd.root}a"')
    odd.file("a", linked=False)
    odd.add("two.pdf", reply(b"", HTML, f"refresh: 1,url={odd.root}b"))
    odd.links.append(f"<a href='{odd.root}two.pdf'>x</a>")
    odd.file("b", linked=False)
    odd.page("three", f"<noscript><META CONTENT='2 ; Url = \"{odd.root}c\"' HTTP-EQUIV=Refresh></noscript>")
    odd.file("c", linked=False)


@site
def not_now(odd: Odd) -> None:
    busy = reply(b"busy", HTML, "Retry-After: 1", status="503 Service Unavailable")
    odd.file("a.pdf", in_turn(busy, reply(odd.body("a.pdf"))))
    odd.file("b.pdf", in_turn(reply(b"soon", HTML, status="202 Accepted"), reply(odd.body("b.pdf"))))
    odd.file("c.pdf", in_turn(reply(b"", HTML, status="500 Oops"), reply(odd.body("c.pdf"))))


@site
def being_made(odd: Odd) -> None:
    """Pages that are loaded again until the document is there."""
    pages = {
        "a.pdf": b"<html><head><meta http-equiv='refresh' content='2'></head>Your report is being made.</html>",
        "b.pdf": b"<html><script>setTimeout(function () { location.reload() }, 2000)</script>Please wait.</html>",
    }
    for path, html in pages.items():
        odd.file(path, in_turn(reply(html, HTML), reply(odd.body(path))))
    odd.file("c.pdf", in_turn(reply(b"<html>wait</html>", HTML, "Refresh: 3"), reply(odd.body("c.pdf"))))


@site
def error_pages_that_forward(odd: Odd) -> None:
    odd.page("old", f"<meta http-equiv=refresh content='0;url={odd.root}new'>", status="404 Not Found")
    odd.file("new", linked=False)
    odd.page("gone.pdf", "x", f"Refresh: 2; url={odd.root}there", status="410 Gone")
    odd.file("there", linked=False)


@site
def fetched_by_scripts(odd: Odd) -> None:
    odd.page("table", f"<table id=t></table><script>$('#t').DataTable({{ ajax: '{odd.root}rows.json' }})</script>")
    rows = {"data": [["A", f"<a class='btn' href='{odd.root}get/1'>x</a>"], ["B", f'<a href="{odd.root}get/2">x</a>']]}
    odd.add("rows.json", reply(json.dumps(rows).encode(), "application/json"))
    odd.page("app", f"<div id=app></div><script>fetch('{odd.root}api/files').then(show)</script>")
    files = {
        "items": [{"contentType": "application/pdf", "downloadUrl": "../get/3"}],
        "next": f"{odd.root}api/files?page=2",
    }
    odd.add("api/files", reply(json.dumps(files).encode(), "application/json; charset=utf-8"))
    more = {"items": [{"file": f"{odd.root}get/4.pdf"}, {"file": f"{odd.root}x.doc"}]}
    odd.add("api/files?page=2", reply(json.dumps(more).encode(), "text/json"))
    script = f"a.href = '{odd.root}get/5'; f.setAttribute('src', '{odd.root}get/6')"
    odd.page("set", f"<a id=a>x</a><iframe id=f></iframe><script>{script}</script>")
    odd.page("button", f"<a href='#' class=download data-url='{odd.root}get/7'>Download</a>")
    for name in ("1", "2", "3", "4.pdf", "5", "6", "7"):
        odd.file(f"get/{name}", linked=False)


@site
def listed_in_json(odd: Odd) -> None:
    odd.links.append(f"<a href='{odd.root}feed.json'>x</a>")
    attachment = {"url": f"{odd.root}a", "mime_type": "application/pdf"}
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "attachments": [attachment]}]}
    odd.add("feed.json", reply(json.dumps(feed).encode(), "application/feed+json"))
    odd.file("a", linked=False)
    odd.headers = (f'Link: <{odd.root}links>; rel="linkset"; type="application/linkset+json"',)
    linkset = {"linkset": [{"anchor": "/", "item": [{"href": f"{odd.root}b", "type": "application/pdf"}]}]}
    odd.add("links", reply(json.dumps(linkset).encode(), "application/linkset+json"))
    odd.file("b", linked=False)


@site
def forms_with_choices(odd: Odd) -> None:
    select = "<select name=year><option value=''>-</option><option>2001</option><option>2002</option></select>"
    odd.page(
        "years",
        f"<form action='{odd.root}list'>{select}<select name=order><option>up</select><button>Go</button></form>",
    )
    for year in (2001, 2002):
        odd.page(f"list?order=up&year={year}", f"<a href='{odd.root}{year}.pdf'>x</a>", linked=False)
        odd.file(f"{year}.pdf", linked=False)
    odd.page("post", f"<form method=post action='{odd.root}never.pdf'><button>x</button></form>")
    odd.add("never.pdf", reply(odd.refuse(b"".join(pdf(2000, "only posted")))))
    buttons = "".join(f"<button name=file value={number}>PDF</button>" for number in (1, 2))
    odd.page("buttons", f"<form action='{odd.root}get'>{buttons}</form>")
    for number in (1, 2):
        odd.file(f"get?file={number}", linked=False)


@site
def statuses(odd: Odd) -> None:
    body = odd.body("part.pdf")
    odd.file("part.pdf", reply(body, PDF, f"Content-Range: bytes 0-{len(body) - 1}/{len(body)}", status="206 Partial"))
    for status in ("203 Copied", "201 Created", "226 IM Used", "299 Whatever"):
        odd.file(f"{status[:3]}.pdf", reply(odd.body(f"{status[:3]}.pdf"), PDF, status=status))
    odd.file("part-of-what.pdf", reply(odd.body("part-of-what.pdf"), PDF, status="206 Partial Content"))
    odd.file("cut.pdf", reply(odd.refuse(b"".join(pdf(4000, "cut"))[:2000]), PDF, status="206 Partial Content"))
    half = odd.refuse(b"".join(pdf(4000, "half of it"))[:2000])
    odd.file("half.pdf", reply(half, PDF, "Content-Range: bytes 0-1999/4000", status="206 Partial Content"))


@site
def broken_on_the_way(odd: Odd) -> None:
    odd.file("resumed.pdf", Cutting(odd.body("resumed.pdf", 9000), [3000, 6000]))
    whole = odd.body("again.pdf", 9000)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {PDF}\r\nContent-Length: 9000\r\nConnection: close\r\n\r\n".encode()
    first = [True]

    def cut_at_first(request: Request) -> None:
        request.send(head + whole[:4000] if first else reply(whole))
        request.close = bool(first)
        first.clear()

    odd.file("again.pdf", cut_at_first)
    body = odd.body("chunks.pdf")
    chunked = f"HTTP/1.1 200 OK\r\nContent-Type: {PDF}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    def without_end(request: Request) -> None:
        request.send(chunked.encode() + b"%x\r\n%s\r\n" % (len(body), body))
        request.close = True

    odd.file("chunks.pdf", without_end)
    longer = odd.body("longer.pdf")
    odd.file("longer.pdf", lambda request: cut_short(request, reply(longer).replace(b"Length: 2000", b"Length: 2222")))


def cut_short(request: Request, data: bytes) -> None:
    request.send(data)
    request.close = True


@site
def pages_cut_short(odd: Odd) -> None:
    html = f"<html><body><a href='{odd.root}a.pdf'>x</a>".encode()
    data = reply(html, HTML).replace(f"Length: {len(html)}".encode(), f"Length: {len(html) + 99}".encode())
    odd.add("page", lambda request: cut_short(request, data))
    odd.links.append(f"<a href='{odd.root}page'>x</a>")
    odd.file("a.pdf", linked=False)
    packed = gzip.compress(f"<html><body><a href='{odd.root}b.pdf'>x</a>{'<p>text ' * 999}".encode())[:-12]
    odd.add("packed", reply(packed, HTML, "Content-Encoding: gzip"))
    odd.links.append(f"<a href='{odd.root}packed'>x</a>")
    odd.file("b.pdf", linked=False)


@site
def encoded(odd: Odd) -> None:
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": (gzip.compress, "gzip"),
        "x-gzip": (gzip.compress, "X-GZIP"),
        "zlib": (zlib.compress, "deflate"),
        "raw": (lambda body: raw.compress(body) + raw.flush(), "deflate"),
        "twice": (lambda body: gzip.compress(gzip.compress(body)), "gzip, gzip"),
        "members": (lambda body: gzip.compress(body[:99]) + gzip.compress(body[99:]), "gzip"),
        "silent": (gzip.compress, ""),
        "plain": (bytes, "gzip"),
        "said twice": (gzip.compress, "gzip, identity"),
    }
    for name, (pack, encoding) in packed.items():
        path = f"{name.replace(' ', '-')}.pdf"
        headers = (f"Content-Encoding: {encoding}",) if encoding else ()
        odd.file(path, reply(pack(odd.body(path)), PDF, *headers))


@site
def types(odd: Odd) -> None:
    kinds = (
        "",
        "text/html",
        "text/plain; charset=utf-8",
        "application/x-unknown",
        "image/pdf",
        "0",
        '"application/pdf"',
        ".pdf",
    )
    for number, kind in enumerate((*kinds, "multipart/form-data", "application/octet-stream", "application/json")):
        odd.file(f"get/{number}", reply(odd.body(f"get/{number}"), kind))
    names = (
        "filename*=UTF-8''%e2%82%ac.pdf",
        'filename="a"b.pdf"',
        "filename==?utf-8?B?YQ==?=.pdf",
        "attachment",
        ";;=",
    )
    for number, name in enumerate(names):
        path = f"named/{number}"
        odd.file(path, reply(odd.body(path), "application/force-download", f"Content-Disposition: attachment; {name}"))


@site
def heads_and_ends(odd: Odd) -> None:
    made = {
        "junk.pdf": b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
        "mac.pdf": b"\0\7a.pdf" + bytes(121),
        "mark.pdf": b"\xef\xbb\xbf",
        "lines.pdf": b"\r\n\r\n\t ",
        "warning.pdf": b"<br />\n<b>Warning</b>: Undefined variable $x in <b>/x.php</b> on line <b>3</b><br />\n",
    }
    for path, before in made.items():
        body = odd.keep(path, before + b"".join(pdf(2000, f"behind {path}")))
        odd.file(path, reply(body, HTML if path == "warning.pdf" else PDF))
    body = odd.keep("page.pdf", b"<html><body>Notice: x</body></html>\n" + b"".join(pdf(2000, "behind a page")))
    odd.file("page.pdf", reply(body))
    whole = b"".join(pdf(2000, "updated"))
    update = b"\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R /Lang (en) >>\nendobj\nxref\n1 1\n0000002001 00000 n \n"
    update += b"trailer\n<< /Size 5 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
    update %= int(whole.split(b"startxref\n")[1].split()[0]), 2000 + update.index(b"xref")
    odd.file("updated.pdf", reply(odd.keep("updated.pdf", whole + update)))


@site
def no_documents(odd: Odd) -> None:
    html = b"<html><title>Not found</title><p>This document has been removed.</html>"
    false = {
        "soft.pdf": reply(odd.refuse(html), HTML),
        "said.pdf": reply(odd.refuse(html + b" "), PDF),
        "words.pdf": reply(odd.refuse(b"%PDF-1.7 is the header of a PDF.\n" * 40), "text/plain"),
        "empty.pdf": reply(b"", PDF),
        "archive.pdf": reply(
            odd.refuse(b"PK\3\4" + bytes(26) + b"a.pdf" + b"".join(pdf(2000, "packed"))), "application/zip"
        ),
        "head.pdf": reply(odd.refuse(b"".join(pdf(5000, "cut at its source"))[:3000])),
        "office.pdf": reply(odd.refuse(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)), PDF),
    }
    for path, answer in false.items():
        odd.file(path, answer)


@site
def pages_in_the_place_of_documents(odd: Odd) -> None:
    frame = "<html><body style='margin:0'><embed name='plugin' src='{}' type='application/pdf'></body></html>"
    inner = {
        "frame.pdf": frame,
        "script.pdf": "<html><script>window.top.location.replace('{}')</script></html>",
        "written.pdf": "<html><script>document.write('<iframe src=\"{}\"></iframe>')</script></html>",
        "link.pdf": "<html><p>Your download starts shortly. If not, <a href='{}'>click here</a>.</html>",
        "delayed.pdf": "<html><script>setTimeout(function () {{ window.location.href = '{}' }}, 3000)</script></html>",
        "bytes.pdf": "<html><script>pdfjsLib.getDocument({{ url: '{}', rangeChunkSize: 65536 }})</script></html>",
        "object.pdf": "<html><object data='{}#toolbar=0' type='application/pdf'>no plug-in</object></html>",
        "form.pdf": "<html><form action='{}'><input type=submit value='Download'></form></html>",
        "meta.pdf": "<html><meta name=citation_pdf_url content='{}'></html>",
    }
    for path, html in inner.items():
        real = f"real/{path[:-4]}"
        odd.page(path, html.format(odd.root + real))
        odd.file(real, linked=False)


@site
def redirects(odd: Odd) -> None:
    odd.file("real.pdf", linked=False)
    odd.file("two words.pdf".replace(" ", "%20"), linked=False)
    odd.file("caf%E9.pdf", linked=False)
    odd.file("deep/real.pdf", linked=False)
    ways = {
        "1": ("real.pdf#page=2", "301 Moved"),
        "2": ("two words.pdf", "302 Found"),
        "3": ("./x/../caf\xe9.pdf", "303 See Other"),
        "4": ("4b", "307 Temporary Redirect"),
        "4b": ("?again", "308 Permanent Redirect"),
    }
    for path, (to, status) in ways.items():
        odd.add(path, redirect(to, status=status))
        odd.links.append(f"<a href='{odd.root}{path}'>x</a>")
    odd.add("4b?again", redirect(f"\\{odd.root.strip('/')}\\deep\\real.pdf"))
    first = redirect("self", f"Set-Cookie: way=1; Path={odd.root}")
    good = reply(odd.body("self"))
    odd.file("self", needs(lambda request: "way=1" in cookies_of(request), good, first))


@site
def names(odd: Odd) -> None:
    written = {
        "a b.pdf": "a%20b.pdf",
        "a+b.pdf": "a+b.pdf",
        "a%2Fb.pdf": "a%2Fb.pdf",
        "A.PDF#page=3": "A.PDF",
        "s.pdf;jsessionid=1A2B3C": "s.pdf;jsessionid=1A2B3C",
        "x.pdf?download": "x.pdf?download",
        "x.pdf?": "x.pdf?",
        "y.php?f=\u00fc b.pdf": "y.php?f=%C3%BC%20b.pdf",
        "\u0434\u043e\u043a.pdf": "%D0%B4%D0%BE%D0%BA.pdf",
        "%d0%b4.pdf": "%D0%B4.pdf",
        "(a)'b,c;d=e.pdf": "(a)'b,c;d=e.pdf",
        "100%.pdf": "100%25.pdf",
        "~x/.//y.pdf": "~x//y.pdf",
        "no-suffix": "no-suffix",
        "index.pdf/": "index.pdf/",
        "z.pdf.html": "z.pdf.html",
    }
    for href, path in written.items():
        if path == "x.pdf?":
            continue
        odd.file(path, linked=False)
        quoted = href.replace("'", "&#39;")
        odd.links.append(f"<meta charset=utf-8><a href='{odd.root}{quoted}'>x</a>")


@site
def other_hosts(odd: Odd) -> None:
    there = odd.server.url(odd.root, host=2)
    odd.links += [
        f"<a href='{there}a.pdf'>x</a>",
        f"<a href='{odd.root}go'>x</a>",
        f"<iframe src='{there}page'></iframe>",
    ]
    odd.file("a.pdf", linked=False)
    odd.add("go", redirect(f"{there}b"))
    odd.file("b", linked=False)
    odd.page("page", f"<a href='{there}never.pdf'>x</a>", linked=False)
    odd.page("wait", f"<META http-equiv=refresh content='5; URL={there}c?d'>")
    odd.file("c?d", linked=False)
    odd.page("shown", f"<embed src='{there}e/f' width=600>")
    odd.file("e/f", linked=False)
    odd.links.append(f"<a href='{there}frame.pdf'>x</a>")
    odd.page("frame.pdf", f"<iframe src='{odd.root}g/h'></iframe>", linked=False)
    odd.file("g/h", linked=False)
    odd.add("never.pdf", reply(odd.refuse(b"".join(pdf(2000, "of another site")))))


@site
def written_into_the_page(odd: Odd) -> None:
    data = b64encode(odd.body("link")).decode()
    odd.links.append(f"<a download=x.pdf href='data:application/pdf;base64,{data}'>x</a>")
    data = b64encode(odd.body("frame")).decode()
    odd.page("frame", f"<iframe src='data:application/pdf;base64,{data}'></iframe>")
    data = b64encode(odd.body("object")).decode()
    odd.page("object", f"<object type='application/pdf' data='data:application/pdf;name=x.pdf;base64,{data}'></object>")
    data = b64encode(odd.body("escaped")).decode().replace("+", "%2B").replace("=", "%3D")
    odd.page("escaped", f"<embed src='DATA:application/PDF;BASE64,{data}'>")
    data = b64encode(odd.body("script")).decode()
    odd.page("script", f"<script>pdfjsLib.getDocument({{data: atob('{data}')}})</script>")
    data = json.dumps(b64encode(odd.body("json")).decode()).replace("/", "\\/")
    odd.page("json", f"<script>window.STATE = {{'file': {data}}}</script>")


@site
def loaded_scripts(odd: Odd) -> None:
    """An application without a link in its page, and a menu that a script writes."""
    odd.page("app/", f"<div id=root></div><script src='{odd.root}app/main.4f.js'></script>")
    bundle = f"const n={{p:'/'}};e.exports=n.p+'{odd.root[1:]}app/a.4f.pdf';show('{odd.root}app/b.pdf')"
    odd.add("app/main.4f.js", reply(bundle.encode(), "text/javascript"))
    odd.links.append(f"<script src='{odd.root}js/menu.js'></script>")
    menu = "document.write('<a href=\"c\">C</a>'); var base = 'files/'; add(base + 'd.pdf')"
    odd.add("js/menu.js", reply(menu.encode(), "application/javascript"))
    for name in ("app/a.4f.pdf", "app/b.pdf", "c", "files/d.pdf"):
        odd.file(name, linked=False)


@site
def put_together_by_scripts(odd: Odd) -> None:
    odd.page("one", f"<script>var to = '{odd.root}a'; window.location = to;</script>")
    odd.page("two", f"<script>top.location.href='{odd.root}' + 'b';</script>")
    odd.page("three", f"<body onload=\"setTimeout(function () {{ window.open('{odd.root}c', '_self') }}, 9)\">wait")
    odd.page("four", f"<button data-url='{odd.root}d'>Download PDF</button>")
    odd.page("five", f"<a href='javascript:;' data-fancybox data-src='{odd.root}e'>x</a>")
    data = b64encode(json.dumps({"url": f"{odd.root}f.pdf"}).encode()).decode()
    odd.page("six", f"<script>VIEWERS.push('{data}')</script>")
    odd.page("seven", f"<template x-if=open><a href='{odd.root}g'>x</a></template>")
    for name in ("a", "b", "c", "d", "e", "f.pdf", "g"):
        odd.file(name, linked=False)


@site
def data_for_scripts(odd: Odd) -> None:
    odd.page("one", f"<script>$.ajax({{type: 'GET', url: '{odd.root}rows.php'}}); fetch('{odd.root}list.xml')</script>")
    rows = [{"name": "x.pdf", "url": f"{odd.root}a"}, {"key": "y.pdf", "links": {"content": f"{odd.root}b"}}]
    odd.add("rows.php", reply(json.dumps(rows).encode(), HTML))
    odd.add(
        "list.xml",
        reply(f"<list><file>{odd.root}c.pdf</file><file href='{odd.root}d.pdf'/></list>".encode(), "text/xml"),
    )
    for name in ("a", "b", "c.pdf", "d.pdf"):
        odd.file(name, linked=False)


@site
def fields_elsewhere(odd: Odd) -> None:
    odd.page(
        "one", f"<form id=f action='{odd.root}get'></form><input type=hidden name=a value=1 form=f><button form=f>x"
    )
    table = "<tr><td><input type=hidden name=a value=2><td><input type=submit></table>"
    odd.page("two", f"<table><form action='{odd.root}get'>{table}")
    for number in (1, 2):
        odd.file(f"get?a={number}", linked=False)


@site
def unmeasured_answers(odd: Odd) -> None:
    odd.file("a.pdf", unmeasured(odd.body("a.pdf")))
    odd.file("b.pdf", unmeasured(odd.body("b.pdf")).replace(b"HTTP/1.1", b"HTTP/1.0"))
    odd.add("c", unmeasured(f"<a href='{odd.root}c.pdf'>x</a>".encode(), ""))
    odd.links.append(f"<a href='{odd.root}c'>x</a>")
    odd.file("c.pdf", linked=False)
