"""Odd places of links, and pages in the place of documents."""

from __future__ import annotations

import json
from base64 import b64encode

from bench.content import pdf
from tests.crawl.hostile import HTML, PDF, redirect, reply
from tests.crawl.odd_sites.registry import Odd, site


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
        reply(
            f"<?xml version='1.0'?><list><file>{odd.root}c.pdf</file><file href='{odd.root}d.pdf'/></list>".encode(),
            "text/xml",
        ),
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
