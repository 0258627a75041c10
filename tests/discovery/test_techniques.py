"""Each technique with the places that it stands for, and what is lost without it.

More than half of the module is the table of examples.
"""

from __future__ import annotations

from html import escape

import pytest

from pdfspider.discovery.links import Discovery
from pdfspider.discovery.listings.lists import is_list
from pdfspider.discovery.rules import RULES, TECHNIQUES, TEXT_RULES
from pdfspider.exceptions import ConfigurationError
from tests.discovery.finding import ATOM, BUCKET, LD, NEXT, OAI, PAGE, RSS, SITEMAP, found

# Technique, what is there, what is found (without "http://example.com/"), whether it says that it is a document.
EXAMPLES: list[tuple[str, str, str, bool]] = [
    ("a", "<A HREF='/b.PDF;jsessionid=1?x#page=3'>x</A>", "b.PDF;jsessionid=1?x", True),
    ("a", "<a href=/get type=application/pdf>x</a>", "get", True),
    ("a", "<a href=/get download=x.pdf>x</a>", "get", True),
    ("a", "<svg><a xlink:href=/b><text>x</text></a></svg>", "b", False),
    ("a", "<noscript><a href=/b.pdf>x</a></noscript>", "b.pdf", True),
    ("a", "<a href='/Jahres bericht ü.pdf'>x</a>", "Jahres%20bericht%20%C3%BC.pdf", True),
    ("a", "<a href='http://b\u00fccher.example/b.pdf'>x</a>", "http://xn--bcher-kva.example/b.pdf", True),
    ("a", "<a href=' /a<b>|c^\n100%.pdf '>x</a>", "a%3Cb%3E%7Cc%5E100%25.pdf", True),
    ("a", "<base href=/base/><a href=b.pdf>x</a>", "base/b.pdf", True),
    ("link-text", "<a href=/get?id=7>PDF</a>", "get?id=7", True),
    ("link-text", "<a href=/get?id=7><b>Download</b> as PDF (1.2 MB)</a>", "get?id=7", True),
    ("link-text", "<a href=/get?id=7>Télécharger le PDF</a>", "get?id=7", True),
    ("link-text", "<a href=/get?id=7>[pdf]</a>", "get?id=7", True),
    ("link-text", "<a href=/get?id=7>PDF herunterladen</a>", "get?id=7", True),
    ("link-text", "<a href=/get?id=7>Full Text: PDF | 300 KB</a>", "get?id=7", True),
    ("link-text", "<a href=/get?id=7><img src=i.png alt=PDF></a>", "get?id=7", True),
    ("link-text", "<a href=/get?id=7><img src=i.png title='Open PDF'></a>", "get?id=7", True),
    ("link-text", "<a href=/get?id=7 title='Download PDF'></a>", "get?id=7", True),
    ("link-text", "<button data-url=/get/7>Download PDF</button>", "get/7", False),
    ("a", "<a href='#' data-downloadurl='/get/7'>x</a>", "get/7", False),
    ("a", "<a href='javascript:;' data-fancybox data-type=iframe data-src=/get/7>x</a>", "get/7", False),
    ("a", "<a href='javascript:void(0);' data-pdf-file='/b.pdf'>x</a>", "b.pdf", True),
    ("a", "<template x-if=open><a href=/b.pdf>x</a></template>", "b.pdf", True),
    ("a", "<a href=/b.pdf.gz>x</a>", "b.pdf.gz", False),
    ("object", "<object data=/map.svg type=image/svg+xml></object>", "map.svg", False),
    ("iframe", "<iframe src='/map.SVG?x'></iframe>", "map.SVG?x", False),
    ("iframe", "<iframe src=/b></iframe>", "b", False),
    ("frame", "<frameset><frame src=/b></frameset>", "b", False),
    ("embed", "<embed src=/b type=application/pdf>", "b", True),
    ("object", "<object data=/b type=application/pdf></object>", "b", True),
    ("object", "<object><param name=Src value=/b.pdf></object>", "b.pdf", True),
    ("form", "<form action=/b.pdf><button>Save</button></form>", "b.pdf", True),
    (
        "form",
        "<form id=f action=/get></form><input type=hidden name=a value=1 form=f><button form=f>x",
        "get?a=1",
        False,
    ),
    (
        "form",
        "<table><form action=/get><tr><td><input type=hidden name=a value=1><td><input type=submit>",
        "get?a=1",
        False,
    ),
    ("form", "<form action=/get><select name=a onchange='this.form.submit()'><option value=7>x", "get?a=7", False),
    ("form", "<form action=/get><input name=a value=7 readonly><button>x</button></form>", "get?a=7", False),
    ("iframe", "<iframe src='data:image/gif;base64,R0lG' data-lazy-src=/b></iframe>", "b", False),
    ("data-attribute", "<i data-content='&lt;a href=&quot;/b.pdf&quot;>x&lt;/a>'></i>", "b.pdf", True),
    ("script-url", "<script>const at = '/get/7'\npdfjsLib.getDocument(at)</script>", "get/7", True),
    ("viewer", "<iframe src='http://flip.example/book/http://example.com/b.pdf'></iframe>", "b.pdf", True),
    ("link", "<link rel=alternate type=application/pdf href=/get>", "get", True),
    ("link", "<link rel=prefetch href=/b.pdf>", "b.pdf", True),
    ("link", "<link rel=describedby type='application/x-pdf' href=/get>", "get", True),
    ("meta-refresh", "<meta http-equiv=refresh content='0; url=/b.pdf'>", "b.pdf", True),
    ("citation-pdf", "<meta name=citation_pdf_url content=/get>", "get", True),
    ("citation-pdf", "<meta property=bepress_citation_pdf_url content=/get>", "get", True),
    ("citation-pdf", "<meta name=wkhealth_pdf_url content=/get>", "get", True),
    ("citation-pdf", "<meta name=eprints.document_url content=/get>", "get", True),
    ("meta-url", "<meta name=DC.Identifier content=http://example.com/b.pdf>", "b.pdf", True),
    ("meta-url", "<meta property=og:url content=//example.com/b.pdf>", "b.pdf", True),
    ("json-ld", LD.format('{"encodingFormat": "application/pdf", "contentUrl": "/get"}'), "get", True),
    ("json-ld", LD.format('{"@graph": [{"associatedMedia": {"fileFormat": ["PDF"], "url": "/get"}}]}'), "get", True),
    ("json-ld", LD.format('{"encoding": ["/a\\u002Fb.pdf"]}'), "a/b.pdf", True),
    ("script-url", '<script>x = {"pdfUrl":"http:\\/\\/example.com\\/get?id=7"}</script>', "get?id=7", True),
    ("script-url", "<script>var pdfPath = '/stamp/7';</script>", "stamp/7", True),
    ("script-url", '<script>{exportPdfDownloadUrl: "/get\\u002F7\\u0026x=1"}</script>', "get/7&x=1", True),
    ("script-url", '<script type=application/json>{"downloadUrl": "/get/b.pdf?x=1"}</script>', "get/b.pdf?x=1", True),
    ("script-url", '<script>load("{\\"pdf_link\\":\\"\\\\/get\\\\/7\\"}")</script>', "get/7", True),
    ("script-url", "<script>pdfjsLib.getDocument(`b.pdf`)</script>", "dir/b.pdf", True),
    ("script-url", '<script>x = [{"name": "a.pdf", "url": "/api/files/7"}]</script>', "api/files/7", True),
    ("script-url", "<script>var base = '/files/'; add(base + 'b.pdf')</script>", "files/b.pdf", True),
    ("script-url", "<script>const at = '/files', n = 1\nadd(`${at}/b.pdf`)</script>", "files/b.pdf", True),
    ("script-url", "<script>$.ajax({type: 'GET', url: '/list.json', success: show})</script>", "list.json", False),
    ("script-url", "<script>$.fileDownload('/get/7')</script>", "get/7", False),
    ("script-url", "<script>DATA.push('eyJ1cmwiOiJcL2dldFwvYi5wZGYifQ==')</script>", "get/b.pdf", True),
    ("script-url", "<iframe src='/?viewer=eyJ1cmwiOiJcL2dldFwvYi5wZGYifQ%3D%3D'></iframe>", "get/b.pdf", True),
    ("data-attribute", "<i data-x='aHR0cDovL2V4YW1wbGUuY29tL2IucGRm'></i>", "b.pdf", True),
    ("script-location", "<script>var to = '/b?x'; window.location = to;</script>", "b?x", False),
    ("script-location", "<script>top.location.href = '/b' + '?x'</script>", "b?x", False),
    ("script-location", "<script>let at = '/get/'; window.open(at + '7')</script>", "get/7", False),
    ("event", "<body onload=\"setTimeout(function () { window.open('/get/7', '_self') })\">", "get/7", False),
    ("event", "<td onclick='popUp(\"show.asp?id=7\", 500)'>x</td>", "dir/show.asp?id=7", False),
    ("hidden-input", "<input type=hidden id=pdfPath value=/get/7>", "get/7", True),
    ("text-url", "<?xml version='1.0'?><files><file>/b.pdf</file></files>", "b.pdf", True),
    ("script-src", "<div id=root></div><script src=/static/main.1f.js></script>", "static/main.1f.js", False),
    ("script-src", "<a href=/x>x</a><script src=/js/menu_data.js></script>", "js/menu_data.js", False),
    ("script-location", "<script>window.location = '/b?x'</script>", "b?x", False),
    ("script-location", '<script>top.location.href="b.html"</script>', "dir/b.html", False),
    ("script-location", "<script>location.replace('/b')</script>", "b", False),
    ("data-attribute", "<div data-pdf='/get/7'></div>", "get/7", True),
    ("data-attribute", '<p DATA-PDF-URL = "/get?a=1&amp;b=2">', "get?a=1&b=2", True),
    ("data-attribute", "<button data-href=/x data-file='b.PDF'>", "dir/b.PDF", True),
    ("data-attribute", "<i data-options='{&quot;pdfUrl&quot;:&quot;\\/get\\/7&quot;}'>", "get/7", True),
    ("event", "<td onclick=\"window.open('/b.pdf', '_blank')\">", "b.pdf", True),
    ("event", "<td onClick='location.href=&quot;/b/&quot;'>", "b/", False),
    ("event", "<td onclick=\"window.open('/b?x')\">", "b?x", False),
    ("event", '<a href="javascript:show(%27/b.pdf%27)">x</a>', "b.pdf", True),
    ("event", "<a href=\"JavaScript:window.open('b')\">x</a>", "dir/b", False),
    ("viewer", "<iframe src='/pdfjs/web/viewer.html?file=%2Fget%3Fid=7#page=2'></iframe>", "get?id=7", True),
    ("viewer", "<iframe src='web/viewer.html?file=../b.pdf'></iframe>", "dir/b.pdf", True),
    ("viewer", "<a href='/viewer.html#file=/b.pdf'>x</a>", "b.pdf", True),
    ("viewer", "<a href='//docs.google.com/viewer?url=http://example.com/b.pdf&embedded=true'>x</a>", "b.pdf", True),
    (
        "viewer",
        "<a href='https://docs.google.com/viewerng/viewer?url=http%253A%252F%252Fexample.com%252Fb.pdf'>x</a>",
        "b.pdf",
        True,
    ),
    (
        "viewer",
        "<a href='https://view.officeapps.live.com/op/view.aspx?src=http%3A%2F%2Fexample.com%2Fb.docx'>x</a>",
        "b.docx",
        False,
    ),
    (
        "viewer",
        "<a href='https://docs.google.com/gview?url=http://example.com/viewer.html%3Ffile%3D/b.pdf'>x</a>",
        "b.pdf",
        True,
    ),
    ("viewer", "<a href='chrome-extension://efaidnbm/http://example.com/b.pdf'>x</a>", "b.pdf", True),
    ("viewer", "<a href='https://l.example.org/out?u=http%3A%2F%2Fexample.com%2Fb.pdf'>x</a>", "b.pdf", True),
    ("site", "<a href=https://arxiv.org/abs/2401.00001v2>x</a>", "https://arxiv.org/pdf/2401.00001v2", True),
    (
        "site",
        "<a href=https://drive.google.com/file/d/1aB-c/view?usp=sharing>x</a>",
        "https://drive.google.com/uc?export=download&id=1aB-c",
        True,
    ),
    (
        "site",
        "<a href=https://onlinelibrary.wiley.com/doi/epdf/10.1002/x.1>x</a>",
        "https://onlinelibrary.wiley.com/doi/pdfdirect/10.1002/x.1",
        True,
    ),
    ("site", "<a href=https://github.com/a/b/blob/main/x.pdf>x</a>", "https://github.com/a/b/raw/main/x.pdf", True),
    ("sitemap", SITEMAP.format("<url><loc>\n http://example.com/b?x=1&amp;y </loc></url>"), "b?x=1&y", False),
    ("sitemap", f"<?xml version='1.0'?><!-- x -->{SITEMAP.format('<loc><![CDATA[/b.pdf]]></loc>')}", "b.pdf", True),
    ("sitemap-index", "<sitemapindex><sitemap><loc>/map.xml.gz</loc></sitemap></sitemapindex>", "map.xml.gz", False),
    ("feed", "<link rel=alternate type=application/rss+xml href=/b>", "b", False),
    ("feed", RSS.format("<item><link>/b</link></item>"), "b", False),
    ("feed", RSS.format("<item><enclosure url='/get' type='application/pdf' length='1'/></item>"), "get", True),
    ("feed", ATOM.format("<link rel='enclosure' type='application/pdf' href='/get'/>"), "get", True),
    ("feed", ATOM.format("<link href='/b'/>"), "b", False),
    ("oai-pmh", OAI.format("<dc:identifier>http://example.com/b.pdf</dc:identifier>"), "b.pdf", True),
    ("oai-next", OAI.format("<resumptionToken>x/1</resumptionToken>"), NEXT, False),
    ("cdx", '{"url": "http://example.com/b", "mime": "application/pdf", "status": "200"}', "b", True),
    ("cdx-next", '[["original", "mimetype", "statuscode"], [], ["k 1"]]', "dir/page.html?resumeKey=k+1", False),
    (
        "form",
        "<form action=get><input type=submit value=Go><input type=hidden name=id value='4 1'></form>",
        "dir/get?id=4+1",
        False,
    ),
    (
        "form",
        "<form action='/get?x=1#y' method=GET><input type=hidden name=i value=&eacute;><button>PDF</button>",
        "get?i=%C3%A9",
        True,
    ),
    (
        "form",
        "<form method=post><input name=q><button formmethod=get formaction='/b.pdf'>x</button></form>",
        "b.pdf",
        True,
    ),
    ("iframe", "<iframe src='about:blank' data-src='/b'></iframe>", "b", False),
    ("iframe", "<iframe src='' data-lazy-src='/b'></iframe>", "b", False),
    ("embed", "<iframe srcdoc='&lt;base href=/x/&gt;&lt;embed src=/b.pdf&gt;'></iframe>", "b.pdf", True),
    ("embed", "<x-y><template shadowrootmode=open><p><embed src=/b.pdf></p></template></x-y>", "b.pdf", True),
    (
        "option",
        "<select><option value=''>-</option><option class=x value='files/a b.pdf'>x</option>",
        "dir/files/a%20b.pdf",
        True,
    ),
    ("option", "<select onchange='location = this.value'><option value=/b>x</option></select>", "b", False),
    ("hidden-input", "<input name=file type=hidden value='/b c.pdf'>", "b%20c.pdf", True),
    ("hidden-input", "<input value=/b.pdf type='hidden'>", "b.pdf", True),
    (
        "event",
        "<input onclick=\"window.open('files/Annual Report 2020.pdf','_blank')\">",
        "dir/files/Annual%20Report%202020.pdf",
        True,
    ),
    ("event", "<div onclick=\"location.href='Budget Plan (final).pdf'\">", "dir/Budget%20Plan%20(final).pdf", True),
    ("event", "<b onclick=\"openDoc('Price list.pdf')\">", "dir/Price%20list.pdf", True),
    (
        "script-url",
        '<script>x = [{"file": "files\\/Meeting notes May.pdf"}]</script>',
        "dir/files/Meeting%20notes%20May.pdf",
        True,
    ),
    (
        "script-url",
        "<script>x = '/Shared Documents/Grün buch.pdf'</script>",
        "Shared%20Documents/Gr%C3%BCn%20buch.pdf",
        True,
    ),
    ("script-url", "<script>showPdf( 'Annual report.pdf' )</script>", "dir/Annual%20report.pdf", True),
    (
        "script-url",
        "<script>pdfjsLib.getDocument({withCredentials: true, url: 'get?id=7'})</script>",
        "dir/get?id=7",
        True,
    ),
    ("script-url", "<script>PDFObject.embed('/get/7', '#x')</script>", "get/7", True),
    ("script-url", "<script>WebViewer({path: '/lib', initialDoc: '/get/7'}, x)</script>", "get/7", True),
    ("script-url", "<script>view.previewFile({content:{location:{url: '/get/7'}}})</script>", "get/7", True),
    ("data-attribute", "<tr data-href='files/Room plan.pdf'>", "dir/files/Room%20plan.pdf", True),
    ("data-attribute", "<b data-pdf-url='/files/report%20(1955).pdf'>", "files/report%20(1955).pdf", True),
    ("data-attribute", "<b data-file='/files/report (1955).pdf'>", "files/report%20(1955).pdf", True),
    ("data-attribute", "<tr data-pdf='Room plan.pdf'>", "dir/Room%20plan.pdf", True),
    ("data-attribute", "<b data-popup='/get/7?format=pdf'>", "get/7?format=pdf", False),
    ("data-attribute", "<b data-popup=\"window.open('/b.pdf')\">", "b.pdf", True),
    ("viewer", "<iframe src='/viewer.html?file=get%3Fid%3D7'></iframe>", "get?id=7", True),
    ("bucket", BUCKET.format("<Contents><Key>a/b c.pdf</Key><Size>1</Size></Contents>"), "a/b%20c.pdf", True),
    (
        "bucket-next",
        BUCKET.format("<CommonPrefixes><Prefix>a b/</Prefix></CommonPrefixes>"),
        "dir/page.html?prefix=a+b%2F",
        False,
    ),
    (
        "bucket-next",
        BUCKET.format("<NextContinuationToken>x/1</NextContinuationToken>"),
        "dir/page.html?continuation-token=x%2F1",
        False,
    ),
    (
        "bucket-next",
        BUCKET.format("<IsTruncated>true</IsTruncated><Contents><Key>b</Key></Contents>"),
        "dir/page.html?marker=b",
        False,
    ),
    ("text-list", "\n# comment\nhttp://example.com/b\n", "b", False),
    ("text-url", "<p>To be had at http://example.com/b.pdf?x=1&amp;y=2, they say", "b.pdf?x=1&y=2", True),
    ("text-url", "<pre>\nhttp://example.com/b.pdf.\n</pre>", "b.pdf", True),
    ("text-url", "<list><file>http://example.com/b.pdf</file></list>", "b.pdf", True),
    ("attribute", "<x-viewer :src=\"'b.pdf'\"></x-viewer>", "dir/b.pdf", True),
    ("attribute", "<x-link to=/b.pdf>x</x-link>", "b.pdf", True),
    ("attribute", "<button hx-get='/b c.pdf'>x</button>", "b%20c.pdf", True),
    ("attribute", "<div x-data='{&quot;u&quot;:&quot;\\/b.pdf&quot;}'></div>", "b.pdf", True),
    ("attribute", "<div class=_df_book source='b.pdf'></div>", "dir/b.pdf", True),
    ("attribute", "<img src='/b.pdf'>", "b.pdf", True),
    ("attribute", "<button type=button value=/b.pdf>x</button>", "b.pdf", True),
    ("attribute", "<input readonly value=http://example.com/b.pdf>", "b.pdf", True),
    ("script-url", "<script>document.write('<embed src=/b.pdf width=1>')</script>", "b.pdf", True),
    ("attribute", "<?xml version='1.0'?><doc href='/b.pdf'/>", "b.pdf", True),
    ("attribute", "<pdf-viewer src='/get?id=7'></pdf-viewer>", "get?id=7", True),
    ("attribute", "<vue-pdf-embed :source=\"'/get/7'\"></vue-pdf-embed>", "get/7", True),
    ("data-attribute", "<tr data-href='/b'>", "b", False),
    ("data-attribute", "<tr data-link=?page=2>", "dir/page.html?page=2", False),
    ("data-attribute", "<b data-pdf='get.php?id=7'>", "dir/get.php?id=7", True),
    ("event", "<div onclick='location.href=\"b\"'>", "dir/b", False),
    ("event", "<body onload=\"window.location='/b'\">", "b", False),
    ("event", "<i onmousedown='location=`/b`'>", "b", False),
    ("event", "<b onclick=open(`/b`)>", "b", False),
    ("event", "<a href=\"javascript:popup('/b',800,600)\">x</a>", "b", False),
    ("event", "<a href='#' onclick=\"return app.showPage('../b')\">x</a>", "b", False),
    ("event", "<b onclick=\"window['location']['href'] = '/b'\">", "b", False),
    ("script-location", "<script>top.location.href = decodeURIComponent('%2Fb%3Fx')</script>", "b?x", False),
    ("script-location", "<script>function go() { window.open('/b', 'x') }</script>", "b", False),
    ("script-location", "<script>window.navigate('/b')</script>", "b", False),
    ("script-url", "<script>x = '%2Fb.pdf'</script>", "b.pdf", True),
    ("script-url", "<script>document.write('<a href=\"/b\">x</a>')</script>", "b", False),
    ("script-url", "<script type=text/template><li><iframe class='x' src='/b'></iframe></script>", "b", False),
    ("script-url", '<script>{"files":[{"mime":"application\\/pdf","url":"\\/get\\/7"}]}</script>', "get/7", True),
    ("script-url", '<script>f("{\\"href\\":\\"/get/7\\",\\"type\\":\\"application/pdf\\"}")</script>', "get/7", True),
    ("script-url", "<script>x = {extension: 'pdf', size: {}, downloadUrl: '/get/7'}</script>", "get/7", True),
    ("script-url", "<script>PDFViewerApplicationOptions.set('defaultUrl', '/get/7')</script>", "get/7", True),
    ("json-ld", LD.format('{"contentUrl": "/get/7", "encodingFormat": "application/pdf",}'), "get/7", True),
    ("json-ld", '<script type="application/ld+json; charset=utf-8">{"url": "/b.pdf"}</script>', "b.pdf", True),
    ("meta-url", "<meta itemprop=contentUrl content=/b.pdf>", "b.pdf", True),
    ("link", "<link itemprop=contentUrl href=/get>", "get", False),
    ("link", "<link rel=linkset type=application/linkset+json href=/b>", "b", False),
    ("viewer", "<iframe src='/ViewerJS/#../b.pdf'></iframe>", "b.pdf", True),
    ("viewer", "<iframe src='/viewer.aspx?doc=/get/7'></iframe>", "get/7", True),
    ("viewer", "<iframe src='/DocumentViewer?path=/b.pdf'></iframe>", "b.pdf", True),
    ("viewer", "<iframe src='/viewer?file=aHR0cDovL2V4YW1wbGUuY29tL2IucGRm'></iframe>", "b.pdf", True),
    ("viewer", "<iframe src='//docs.google.com/gview?embedded=true&url=example.com/b.pdf'></iframe>", "b.pdf", True),
    ("viewer", "<a href='/reader/#/doc?url=/b.pdf'>x</a>", "b.pdf", True),
    (
        "site",
        "<iframe src=https://docs.google.com/viewer?srcid=1AbcDEFghij&embedded=true></iframe>",
        "https://drive.google.com/uc?export=download&id=1AbcDEFghij",
        True,
    ),
    ("option", "<select><option>/b.pdf</option></select>", "b.pdf", True),
    ("a", "<a href='#' data-url='/b'>x</a>", "b", False),
    ("script-location", "<script>document.getElementById('x').href = '/b'</script>", "b", False),
    ("script-location", "<script>viewerFrame.src='/b'</script>", "b", False),
    ("script-location", "<script>$('#f').attr('src', '/b')</script>", "b", False),
    ("script-url", "<script>fetch('/b', {cache: 'no-cache'})</script>", "b", False),
    ("script-url", "<script>$.getJSON('b.json', show)</script>", "dir/b.json", False),
    ("script-url", "<script>request.open('GET', '/b')</script>", "b", False),
    ("script-url", "<script>$('#t').DataTable({ajax: '/b'})</script>", "b", False),
    (
        "form",
        "<form action=/get><button name=i value=1>x</button><button name=i value=2>y</button></form>",
        "get?i=2",
        False,
    ),
    (
        "form",
        "<form action=/get><select name=y><option value=1>x<option value='2 3'>y</select><input type=submit value=PDF>",
        "get?y=2+3",
        True,
    ),
    (
        "form",
        "<form action=/list><select name=y><option>7<option>8</select><select name=sort><option>a</select><button>x",
        "list?sort=a&y=8",
        False,
    ),
    (
        "form",
        "<form action=/get><input type=radio name=d value=1><input type=radio name=d value=2><button>x</button></form>",
        "get?d=2",
        False,
    ),
    (
        "form",
        "<form action=/get><input type=checkbox name=ok required><input type=checkbox name=no><button>x</button>",
        "get?ok=on",
        False,
    ),
    (
        "form",
        "<form method=post><input type=hidden name=j value=2><button formaction=/get formmethod=get>PDF",
        "get?j=2",
        True,
    ),
    ("sitemap", SITEMAP.format("<loc>/x</loc><xhtml:link rel='alternate' hreflang='de' href='/b'/>"), "b", False),
    (
        "feed",
        ATOM.format("<link rel='http://opds-spec.org/acquisition' type='application/pdf' href='/get'/>"),
        "get",
        True,
    ),
    ("feed", ATOM.format("<link rel='subsection' href='/b'/>"), "b", False),
    ("feed", "<opml><body><outline type='rss' xmlUrl='/b'/></body></opml>", "b", False),
    (
        "feed",
        "<m:mets><m:file MIMETYPE='application/pdf'><m:FLocat LOCTYPE='URL' xlink:href='/get'/></m:file></m:mets>",
        "get",
        True,
    ),
]

NAMED = {"pdf-link", "robots-sitemap"}
"""What others name to us: a document, a robots.txt."""


@pytest.mark.parametrize(("technique", "body", "url", "document"), EXAMPLES)
def test_each_technique_finds_what_it_stands_for_and_only_while_it_is_on(
    technique: str, body: str, url: str, document: bool
) -> None:
    assert (technique, url, document) in found(Discovery(), body, "seed")
    assert technique not in [one[0] for one in found(Discovery([technique]), body, "seed")]
    assert (technique, url, document) in found(Discovery(TECHNIQUES - {technique, *carried_by(body)}), body, "seed")


def carried_by(body: str) -> set[str]:
    """The techniques that have to find what a viewer, a script or a site's rule begins with."""
    return {name for name in ("a", "iframe") if f"<{name}" in body}


def test_every_technique_has_an_example() -> None:
    tried = {technique for technique, *_ in EXAMPLES}
    assert tried | NAMED | {"link-header", "json", "json-next", "data-url"} == TECHNIQUES
    registered = {rule.technique for rules in RULES.values() for rule in rules}
    assert registered | {rule.technique for rule in TEXT_RULES} <= TECHNIQUES


@pytest.mark.parametrize("technique", sorted(NAMED))
def test_what_is_named_becomes_links(technique: str) -> None:
    uris = ["b.pdf", "/b", "mailto:x@example.com", "/viewer.html?file=/c.pdf", "/b", "/x.png"]
    links = Discovery().named(technique, uris, PAGE)
    assert [(link.url.removeprefix("http://example.com/"), link.technique, link.document) for link in links][:3] == [
        ("dir/b.pdf", technique, True),
        ("b", technique, False),
        ("c.pdf", "viewer", True),
    ]
    assert Discovery([technique]).named(technique, uris, PAGE) == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('</get>; rel="alternate"; type="application/pdf"', [("get", True)]),
        ("</get>;rel=item;type=application/pdf , <b>; rel=next", [("get", True), ("dir/b", False)]),
        ('</a,b;c>; title="x, <y>; rel=z"; rel="next"', [("a,b;c", False)]),
        ("</a.css>; rel=preload; as=style, </b>; rel=dns-prefetch", []),
        ("</feed>; rel=alternate; type=application/rss+xml", []),
        ("</get>; rel=describedby; type=application/pdf, </b.pdf>; rel=preload", [("get", True), ("b.pdf", True)]),
        ("</b>", []),
        ('<<<>>>; rel="next, </b>;;; rel=next', []),
        ("", []),
    ],
)
def test_the_link_header_counts_by_relation_and_type(header: str, expected: list[tuple[str, bool]]) -> None:
    links = Discovery().links("", PAGE, headers=[header])
    assert [(link.url.removeprefix("http://example.com/"), link.document) for link in links] == expected
    assert {link.technique for link in links} <= {"link-header"}
    assert Discovery(["link-header"]).links("", PAGE, headers=[header]) == []


@pytest.mark.parametrize(
    "body",
    [
        "<a href=/get?id=7>How to make a PDF</a>",
        "<a href=/get?id=7>PDF Reader</a>",
        "<a href=https://en.wikipedia.org/wiki/PDF>PDF</a>",
        "<a href=/get?id=7>About this PDF</a>",
        "<a href=/get?id=7>A long text in which somewhere stands that there is also a pdf to be had of it</a>",
        "<param name=class value=/b.pdf>",
        "<param name=src value=/b>",
        "<form method=post action=/b.pdf>",
        "<meta name=DC.Identifier content=report.pdf>",
        "<meta name=og:title content='The report.pdf'>",
        "<meta name=description content=/b.pdf>",
        "<script>x = name + '.pdf'</script>",
        "<script>x = '/files/' + name + '-final.pdf'</script>",
        "<script>x = '/files/x.pdf' + query</script>",
        "<script>x = `/files/${name}.pdf`; y = '/files/*.pdf'; z = '/{id}/b.pdf'</script>",
        "<script>pdfIcon = '/pdf.svg'; pdfWorkerSrc = '/pdf.worker.js'; pdfLogo = '/x'; pdfLabel = 'yes'</script>",
        "<script>if (pdfUrl == '/b') {}</script>",
        "<script>var location = 'Paris'; mylocation = '/b'; if (location.href == '/b') {}</script>",
        "<script>location = '/b' + x; location.replace(x)</script>",
        "<div data-url='/api/like?id=7' data-pdf='yes' data-pdf-icon='/b' data-title='The pdf of b.pdf'>",
        "<td onclick='like(7)'>",
        "<form method=post action=/get><input type=hidden name=id value=1><button>x</button></form>",
        "<form action=/get><input name=q><input type=hidden name=id value=1><button>x</button></form>",
        "<form action=/get><select name=y></select><input type=hidden name=id value=1></form>",
        "<form action=/get><textarea name=y></textarea><button>x</button></form>",
        "<form action=/get><input type=password><button>x</button></form>",
        "<form action=/get><input type=reset></form>",
        "<form method=post><button formaction=/b.pdf formmethod=post>x</button></form>",
        "<select><option value=/b>x</option></select>",
        "<input type=hidden value=/b><input type=text value=/b.pdf>",
        "<p>see xhttp://example.com/b.pdf</p><!-- http://example.com/b.pdf <x-y to='/b.pdf'> -->",
        "<p title='/b.pdf'><img alt='/b.pdf'><b aria-label='/b.pdf' tooltip='b.pdf' x='b.pdf'>/b.pdf</b>",
        "<script>'<x-y src=\"' + base + '/b.pdf\">'</script><x-y src='/{id}/b.pdf'></x-y>",
        "<b data-href='#x' data-link='yes' data-href='{{x}}'></b><b onclick='track(\"/b\")' onfocus='select()'>",
        "<form action=/get><select name=sort><option>a</option></select></form>",
        "<form action=/get><select name=y multiple><option>a</option></select><button>x</button></form>",
        f"<form action=/get><button>x</button><select name=y>{''.join(f'<option>{n}' for n in range(101))}</select>",
        "<form action=/get method=dialog><button>x</button></form>",
        '<script>{"mime": "application/pdf", "url": "{base}/x"}; {"type": "text/html", "url": "/x"}</script>',
        "<pdf-viewer src='x' width='/7'></pdf-viewer>",
        "<script>fetch('/b/' + id); fetch(`/b/${id}`); request.open('POST', '/b'); x.src = '/b'</script>",
        "<template><a href='/{{ name }}.pdf'>x</a></template>",
        "<script>text = 'Please open the file manual.pdf'; alert('Not found: x y.pdf')</script>",
        "<script>text = 'See http://example.com/x and /y z.pdf'; y = '/files/a ' + name + ' b.pdf'</script>",
        "<div data-title='Open the file b c.pdf'>",
        "<div data-url='/convert-to-pdf' data-icon='/pdf/x.png'>",
        LD.format('{"encodingFormat": "text/html", "contentUrl": "/get", "name": "pdf"}'),
        LD.format('{"encodingFormat": "application/pdf", '),
        "<urlset><!-- <loc>/b</loc> --><image:loc>/c</image:loc><video:loc>/c</video:loc></urlset>",
        "<urlset><url><loc>/b.png</loc></url>",
    ],
)
def test_what_only_looks_like_a_place_is_left_alone(body: str) -> None:
    assert [one for one in found(Discovery(), body) if one[0] != "a" or one[2]] == []


def test_an_element_of_xhtml_without_content_swallows_nothing() -> None:
    page = (
        "<?xml version='1.0'?><html><script src='a.js'/><a href='/b.pdf'>x</a><textarea title='/>' /><a href=/c>y</a>"
    )
    links = Discovery().links(page, PAGE, content_type="application/xhtml+xml; charset=utf-8")
    assert [link.url for link in links] == ["http://example.com/b.pdf", "http://example.com/c"]


@pytest.mark.parametrize("path", ["wa.exe?A0=LIST", "cgi-bin/wa.exe", "scripts/get.exe?7"])
def test_a_program_on_a_server_is_a_page(path: str) -> None:
    assert [link.url for link in Discovery().links(f"<a href=/{path}>x</a>", PAGE)] == [f"http://example.com/{path}"]
    assert Discovery().links("<a href=/setup.exe>x</a>", PAGE) == []


def test_documents_in_documents_have_the_base_of_the_page_and_come_to_an_end() -> None:
    page, bound = "<a href=deep>x</a>", 12
    for _ in range(bound):
        page = f'<a href=x>y</a><iframe srcdoc="{escape(page)}"></iframe>'
    assert [link.url for link in Discovery().links(page, PAGE)] == ["http://example.com/dir/x"]
    page = "<base href=/base/><iframe srcdoc='&lt;a href=b&gt;x&lt;/a&gt;'></iframe>"
    assert [link.url for link in Discovery().links(page, PAGE)] == ["http://example.com/base/b"]


def test_an_unknown_technique_is_refused_by_name() -> None:
    with pytest.raises(
        ConfigurationError,
        match="PDF_TECHNIQUES_OFF: 'seed' is no technique; there are a, attribute, bucket, bucket-next, cdx",
    ):
        Discovery(["a", "seed"])


def test_scripts_are_read_where_a_page_has_no_links_or_their_names_say_so() -> None:
    scripts = "<script src=/app.js></script><script src=/jquery.min.js></script><script src=/publications.js></script>"
    assert found(Discovery(), scripts, "a") == [
        ("script-src", "publications.js", False),
        ("script-src", "app.js", False),
    ]
    beside = found(Discovery(), f"<a href=/x>x</a>{scripts}", "a")
    assert beside == [("a", "x", False), ("script-src", "publications.js", False)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("document.write('<a href=\"/get/7\">x</a>')", ("script-url", "get/7", False)),
        ("var list = [['Plan', 'docs/b.pdf']]", ("script-url", "dir/docs/b.pdf", True)),
        ('e.exports=n.p+"static/media/b.1f2e.pdf"', ("script-url", "static/media/b.1f2e.pdf", True)),
        ("var at = '/files/'; show(at + 'b.pdf')", ("script-url", "files/b.pdf", True)),
        ('cb({"files": [{"name": "b.pdf", "url": "/api/7"}]})', ("script-url", "api/7", True)),
    ],
)
def test_what_a_loaded_script_names(script: str, expected: tuple[str, str, bool]) -> None:
    for technique in ("script-src", "script-url"):
        links = Discovery().links(script, PAGE, content_type="text/javascript; charset=utf-8", technique=technique)
        named = [(link.technique, link.url.removeprefix("http://example.com/"), link.document) for link in links]
        assert expected in named
        assert is_list(script.encode(), "application/javascript", technique)
    assert not is_list(script.encode(), "text/javascript", "a")


def test_addresses_in_paths_of_archives_are_those_of_their_copies() -> None:
    copy = "http://archive.example/web/20200101000000if_/http://example.org/b.pdf"
    assert [link.url for link in Discovery().links(f"<a href={copy}>x</a>", PAGE)] == [copy]
