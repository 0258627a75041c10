"""Pages that browsers understand in ways of their own: the body, its Content-Type, and the URL it is at."""

from __future__ import annotations

from typing import NamedTuple

URL = "http://odd.example/dir/page.html"


class OddPage(NamedTuple):
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    url: str = URL


def _page(html: str, charset: str = "utf-8", declared: str | None = None) -> OddPage:
    declared = declared or ("utf-8" if charset == "utf-8" and "<meta" not in html else None)
    return OddPage(html.encode(charset, "replace"), f"text/html{f'; charset={declared}' if declared else ''}")


PAGES = {
    "entities": _page(
        "<a href='&#47;a&period;pdf?x=1&copy=2&amp;y=3&lt'>x</a><a href=b&Tab;c.pdf>x</a>",
    ),
    "quotes": _page(
        "<a class='x'href='/a.pdf'>x</a><a/href='/b.pdf'/>x</a><a href=c.pdf/>x</a><a href = \n\"d.pdf\">x",
    ),
    "repeated attributes": _page(
        "<a href=/a.pdf href=/b.pdf>x</a><A HREF=/c.PDF>x</A>",
    ),
    "blanks": _page(
        "<a href='\n /do\ncs/a\t.pdf \x0c'>x</a><a href='a b\xa0c\u200b.pdf'>x</a>",
    ),
    "slashes": _page(
        "<a href='\\docs\\a.pdf'>x</a><a href='/\\odd.example\\b.pdf'>x</a><a href='http:c.pdf'>x</a>"
        "<a href='http:///odd.example/d.pdf'>x</a><a href='//odd.example:80/e.pdf'>x</a>"
        "<a href='http:/odd.example/f.pdf'>x</a>",
    ),
    "hosts": _page(
        "<a href='HTTP://ODD.EXAMPLE./a.pdf'>x</a><a href='http://\uff4fdd.example/b.pdf'>x</a>"
        "<a href='http://b\xfccher.example/c.pdf'>x</a><a href='http://0x7f.1/d.pdf'>x</a>"
        "<a href='http://[::1]:81/e.pdf'>x</a><a href='http://u:p@odd.example/f.pdf'>x</a>"
        "<a href='http://%6fdd.example/g.pdf'>x</a>",
    ),
    "dots": _page(
        "<a href='../x/./../a.pdf'>x</a><a href='/a/%2e%2E/b.pdf'>x</a><a href='c.pdf/..'>x</a>"
        "<a href='....//d.pdf'>x</a>",
    ),
    "escapes": _page(
        "<a href='/a%2Fb.pdf'>x</a><a href='/50%.pdf'>x</a><a href='/a[1]|^`{}.pdf?\"<>'>x</a>"
        "<a href='/%zz%e9.pdf'>x</a>",
    ),
    "fragments and queries": _page(
        "<a href='a.pdf#page=3'>x</a><a href='?y=b.pdf'>x</a><a href='#x'>x</a><a href='c.pdf?#'>x</a>",
    ),
    "schemes": _page(
        "<a href='mailto:a@b.pdf'>x</a><a href='ftp://a/b.pdf'>x</a><a href='javascript:x(\"a.pdf\")'>x</a>",
    ),
    "base": _page(
        "<base target=_blank><a href=a.pdf>x</a><base href=' /base/\n'><base href='/second/'><a href=b.pdf>x</a>",
    ),
    "base elsewhere": _page(
        "<base href='//files.example/x/?y'><a href=a.pdf>x</a><a href='?b.pdf'>x</a><a href=/c.pdf>x</a>",
    ),
    "base of no use": _page(
        "<base href='data:,x'><base href=/x/><a href=a.pdf>x</a>",
    ),
    "empty base": _page(
        "<base href=''><a href=a.pdf>x</a><iframe src=b.pdf></iframe>",
    ),
    "frames": _page(
        "<iframe src=a.pdf></iframe><iframe srcdoc='<a href=b.pdf>x</a><base href=/n/>' src=/c.pdf></iframe>",
    ),
    "frameset": _page(
        "<html><frameset cols=*,*><frame src=a.html><frame src='b.pdf'></frameset></html>",
    ),
    "frames in frames": _page(
        "<iframe srcdoc='<iframe srcdoc=\"&lt;a href=deep.pdf>x&lt;/a>\"></iframe><a href=middle.pdf>x</a>'></iframe>",
    ),
    "objects": _page(
        "<object data=a.pdf type=application/pdf><embed src=b.pdf><a href=c.pdf>x</a></object>"
        "<embed src='d?e' type=application/pdf>",
    ),
    "shadow roots": _page(
        "<x-y><template shadowrootmode=open><a href=a.pdf>x</a><p><x-z><template shadowrootmode=open>"
        "<iframe src=b.pdf></iframe></template></x-z></template></x-y><div>"
        "<template shadowrootmode=OPEN><embed src=c.pdf></template></div>",
    ),
    "drawings": _page(
        "<svg><a href=a.pdf><text>x</text></a><a xlink:href=/b.pdf></a></svg><map><area href=c.pdf>"
        "</map><math><mtext><a href=d.pdf>x</a></mtext></math>",
    ),
    "tables and lists": _page(
        "<table><a href=a.pdf>x</a><tr><td><a href=b.pdf>x<a href=c.pdf>y</table><select><option>"
        "x</select><p><table><form><tr><a href=d.pdf>x</a></form></table><ul><li><a href=e.pdf></ul>"
        "</b></i></p></div></table>",
    ),
    "raw text": _page(
        "<title><a href=no1></title><textarea><a href=no2></textarea><style><a href=no3></style><xmp>"
        "<a href=no4></xmp><script>'<b href=no5>'</script><!-- <a href=no6> --><!--> <a href=a.pdf>"
        "x</a> <!-- x --!><a href=b.pdf>x</a><plaintext><a href=no7>",
    ),
    "bogus comments": _page(
        "<!x><a href=a.pdf>x</a><?php <a href=b.pdf>x</a> ?></ x><a href=c.pdf>x</a><![CDATA[<a href=d.pdf>x</a>]]>",
    ),
    "comments for others": _page(
        "<!--[if IE]><a href=no.pdf><![endif]--><!--[if !IE]><!--><a href=a.pdf>x</a><!--<![endif]-->",
    ),
    "brackets in values": _page(
        "<a title='a > b' href=a.pdf>x</a><a href='b<c>.pdf' title=\"<'>\">x</a>"
        "<a title=\"<a href='no.pdf'>\" href=d.pdf>x</a>",
    ),
    "nothing closed": _page(
        "<div <a href=no.pdf>x<a href=a.pdf><b><a href=b.pdf",
    ),
    "NUL": OddPage(
        b"<a href='/a\x00b.pdf'>x</a><a href=c.pdf>x</a>",
        "text/html",
    ),
    "written": _page(
        "<script>document.write('<a href=\"/a.pdf\">x</a><iframe src=\\'b.pdf\\'></iframe>')</script>",
    ),
    "inserted": _page(
        "<div id=d></div><script>d.innerHTML = `<embed src='/a.pdf' type='application/pdf'>"
        '<a href="b">x</a>`</script>',
    ),
    "set by a script": _page(
        "<a id=l>x</a><iframe id=f></iframe><object id=o></object><script>"
        "l.href = 'a b.pdf'; f.src = '/b.pdf'; o.data = \"c.pdf\"</script>",
    ),
    "from JSON": _page(
        '<ul id=u></ul><script id=j type="application/json">'
        '{"files":[{"title":"x","url":"\\/files\\/a.pdf"},{"url":"b.pdf"}]}</script><script>'
        "for (const f of JSON.parse(j.textContent).files) { const a = document.createElement('a'); a."
        "href = f.url; u.append(a) }</script>",
    ),
    "query in Latin 1": _page(
        "<a href='/q?f=caf\xe9.pdf'>x</a><a href='/caf\xe9.pdf'>x</a>",
        "latin-1",
        "ISO-8859-1",
    ),
    "query in Shift JIS": _page(
        "<meta charset=shift_jis><a href='?\u8868.pdf'>x</a>",
        "shift_jis",
    ),
    "query in GBK": _page(
        "<meta http-equiv=content-type content='text/html; charset=gb2312'><a href='?\u4e2d\u20ac.pdf'>x</a>",
        "gbk",
    ),
    "query in Cyrillic": _page(
        "<a href='?\u0436\u4e2d.pdf'>x</a>".replace("\u4e2d", "&#20013;"),
        "cp1251",
        "WINDOWS-1251",
    ),
    "query in EUC": _page(
        "<a href='?\u6587.pdf'>x</a>",
        "euc_jp",
        "x-euc-jp",
    ),
    "query in Big5": _page(
        "<a href='?\u4e2d.pdf'>x</a>",
        "big5",
        "big5-hkscs",
    ),
    "query in KOI8": _page(
        "<meta charset=koi8-r><a href='?\u0436.pdf'>x</a>",
        "koi8-r",
    ),
    "UTF-16 with a mark": OddPage(
        "\ufeff<a href='?\u0436.pdf'>x</a>".encode("utf-16-le"),
        "text/html; charset=latin-1",
    ),
    "UTF-8 with a mark": OddPage(
        "\ufeff<a href='?\u0436.pdf'>x</a>".encode(),
        "text/html; charset=windows-1251",
    ),
    "UTF-16 said by ASCII": _page(
        "<meta charset=utf-16><a href='?\u0436.pdf'>x</a>",
    ),
    "unknown charset": _page(
        "<meta charset=utf-8><a href='?\u0436.pdf'>x</a>",
        "utf-8",
        "x-unheard-of",
    ),
    "lone surrogates": _page(
        "<a href='&#xd800;a.pdf?&#xdc00;'>x</a>",
    ),
    "XHTML": OddPage(
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/>"
        b"<script src='a.js'/></head><body><a href='a.pdf'/><p><a href='b.pdf'>x</a></p>"
        b"<iframe src='c.pdf'/></body></html>",
        "application/xhtml+xml",
    ),
}
