"""Odd statuses, headers and bodies, and connections that break."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from bench.content import pdf
from tests.crawl.hostile import HTML, PDF, Cutting, redirect, reply, unmeasured
from tests.crawl.odd_sites.registry import Odd, cookies_of, in_turn, needs, site

if TYPE_CHECKING:
    from tests.crawl.hostile import Request


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
def unmeasured_answers(odd: Odd) -> None:
    odd.file("a.pdf", unmeasured(odd.body("a.pdf")))
    odd.file("b.pdf", unmeasured(odd.body("b.pdf")).replace(b"HTTP/1.1", b"HTTP/1.0"))
    odd.add("c", unmeasured(f"<a href='{odd.root}c.pdf'>x</a>".encode(), ""))
    odd.links.append(f"<a href='{odd.root}c'>x</a>")
    odd.file("c.pdf", linked=False)
