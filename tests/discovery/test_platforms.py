"""Platforms that hold many PDFs: their pages, on a host of no name, and where the document of each is."""

from __future__ import annotations

import json
import time

import pytest

from pdfspider.discovery.links import Discovery, links
from pdfspider.discovery.platforms import document_urls

HOST = "http://papers.example:8080"
UUID = "6f1c2b1e-0a5d-4b39-9d0c-1f2e3d4c5b6a"
OJS = (
    '<html><head><title>View of On maps</title><meta name="generator" content="Open Journal Systems 3.3.0.13">'
    '</head><body class="pkp_page_article pkp_op_view"><div id="pdfCanvasContainer"></div></body></html>'
)
ANGULAR = '<html><head><title>Application</title></head><body><ds-app></ds-app><script src="main.js"></script></body>'
SHARED = (
    '<html><head><title>Files</title><meta name="application-name" content="Nextcloud"></head><body>'
    '<input type="hidden" id="mimetype" value="application/pdf"><input id="filename" value="Minutes"></body></html>'
)
SHELL = (
    "<html><head><title>Report.pdf</title></head><body><div id=root></div><script src=app.js></script></body></html>"
)
PAGES = [
    ("/index.php/jm/article/view/12/34", OJS, "/index.php/jm/article/download/12/34"),
    ("/jm/article/viewFile/12/pdf", OJS, "/jm/article/download/12/pdf"),
    ("/jm/issue/view/7/2", OJS, "/jm/issue/download/7/2"),
    ("/jm/article/view/12/version/3/34", OJS, "/jm/article/download/12/version/3/34"),
    ("/ps/preprint/view/5/9", OJS, "/ps/preprint/download/5/9"),
    ("/press/catalog/view/8/9/10-1", OJS, "/press/catalog/download/8/9/10-1"),
    (f"/bitstreams/{UUID}/download", ANGULAR, f"/server/api/core/bitstreams/{UUID}/content"),
    ("/records/ab1-cd2/preview/A%20b.pdf?include_deleted=0", SHELL, "/records/ab1-cd2/files/A%20b.pdf?download=1"),
    ("/record/4711/preview/x.pdf", SHELL, "/record/4711/files/x.pdf?download=1"),
    ("/file.xhtml?fileId=99&version=1.0", SHELL, "/api/access/datafile/99"),
    (
        "/file.xhtml?persistentId=doi:10.7910/DVN/AB/CD&version=1.0",
        "<td>Adobe PDF - 1.2 MB</td>",
        "/api/access/datafile/:persistentId?persistentId=doi:10.7910/DVN/AB/CD",
    ),
    ("/:b:/s/team/EaBcDe?e=x1", SHELL, "/:b:/s/team/EaBcDe?download=1"),
    (
        f"/sites/a/_layouts/15/Doc.aspx?sourcedoc=%7B{UUID}%7D&file=Plan.pdf&action=default",
        SHELL,
        f"/sites/a/_layouts/15/download.aspx?UniqueId={UUID}",
    ),
    ("/file/d/1aB-cD_efGhIjK/view?usp=sharing", SHELL, "/uc?export=download&id=1aB-cD_efGhIjK"),
    ("/s/abc123/Minutes.pdf", SHELL, "/s/abc123/Minutes.pdf?dl=1"),
    ("/scl/fi/abc123/Minutes.pdf?rlkey=k1&dl=0", SHELL, "/scl/fi/abc123/Minutes.pdf?rlkey=k1&dl=1"),
    ("/cloud/index.php/s/AbCdEf123456", SHARED, "/cloud/index.php/s/AbCdEf123456/download"),
    ("/group/sub/project/-/blob/main/doc/a.pdf", SHELL, "/group/sub/project/-/raw/main/doc/a.pdf"),
    ("/owner/project/blob/main/doc/a.pdf", SHELL, "/owner/project/raw/main/doc/a.pdf"),
    ("/owner/project/src/branch/main/doc/a.pdf", SHELL, "/owner/project/raw/branch/main/doc/a.pdf"),
    (
        "/WebLink/DocView.aspx?id=771&dbid=2&repo=City",
        "<title>Minutes - Laserfiche WebLink</title>",
        "/WebLink/ElectronicFile.aspx?docid=771&dbid=2",
    ),
    ("/about/plan.pdf/view", SHELL, "/about/plan.pdf/@@download/file"),
]


@pytest.mark.parametrize(("page", "html", "document"), PAGES)
def test_the_document_of_a_page(page: str, html: str, document: str) -> None:
    found = [link for link in links(html, HOST + page) if link.technique == "site"]
    assert [(link.url, link.document) for link in found] == [(HOST + document, True)]


NO_SUCH_PAGES = [
    ("/article/view/12/34", SHELL),
    ("/article/view/12", OJS),
    ("/file.xhtml?fileId=99", "<p>data.csv</p>"),
    ("/s/AbCdEf123456", "<p>a shop</p>"),
    ("/owner/project/blob/main/README.md", SHELL),
    ("/DocView.aspx?id=1&dbid=2", SHELL),
]


@pytest.mark.parametrize(("page", "html"), NO_SUCH_PAGES)
def test_other_pages_stand_for_nothing(page: str, html: str) -> None:
    assert [link for link in links(html, HOST + page) if link.technique == "site"] == []


API = f"{HOST}/server/api"
DSPACE_SHELL = (
    "<html><head><title>DSpace</title></head><body><ds-root></ds-root><script src=main.js></script></body></html>"
)
ITEM = {"type": "item", "uuid": UUID, "_links": {"bundles": {"href": f"{API}/core/items/{UUID}/bundles"}}}


def hal(**fields: object) -> str:
    return json.dumps(fields)


def test_the_listings_of_a_repository_lead_to_all_its_files() -> None:
    """As a DSpace 7 answers: what is found, the items of a page, their bundles, and the files in these."""
    home, *_ = links(DSPACE_SHELL, f"{HOST}/home")
    assert home[:2] == (f"{API}/discover/search/objects?dsoType=ITEM&size=100", "json-next")
    scoped, *_ = links(DSPACE_SHELL, f"{HOST}/collections/{UUID}")
    assert scoped.url == f"{home.url}&scope={UUID}"
    found = {
        "_embedded": {"objects": [{"type": "discover", "_embedded": {"indexableObject": ITEM}}]},
        "_links": {"next": {"href": f"{API}/discover/search/objects?page=1"}, "self": {"href": home.url}},
        "page": {"number": 0, "size": 100},
    }
    assert listed(hal(_embedded={"searchResult": found})) == [
        ("json-next", "/discover/search/objects?page=1"),
        ("json-next", f"/core/items/{UUID}/bundles"),
    ]
    item, *_ = links(DSPACE_SHELL, f"{HOST}/entities/publication/{UUID}")
    assert item.url == f"{API}/core/items/{UUID}/bundles?size=100"
    bundles = [
        {"name": name, "type": "bundle", "_links": {"bitstreams": {"href": f"{API}/core/bundles/{name}/bitstreams"}}}
        for name in ("ORIGINAL", "TEXT", "THUMBNAIL")
    ]
    assert listed(hal(_embedded={"bundles": bundles})) == [("json-next", "/core/bundles/ORIGINAL/bitstreams")]
    files = [
        {"name": name, "type": "bitstream", "_links": {"content": {"href": f"{API}/core/bitstreams/{at}/content"}}}
        for at, name in enumerate(("a.pdf", "data.csv", "no suffix"))
    ]
    assert listed(hal(_embedded={"bitstreams": files})) == [
        ("json", "/core/bitstreams/0/content"),
        ("json", "/core/bitstreams/2/content"),
    ]
    assert [link for link in links("<p>a shop", f"{HOST}/items/{UUID}") if link.technique != "a"] == []


def test_the_interface_of_a_repository_may_be_elsewhere() -> None:
    for settings in ('"baseUrl":"https://api.example/server"', "&q;baseUrl&q;:&q;https://api.example/server/&q;"):
        page = f"<ds-app></ds-app><script id=dspace-angular-state>{settings}</script>"
        (found,) = [link for link in links(page, f"{HOST}/bitstreams/{UUID}/download") if link.technique == "site"]
        assert found.url == f"https://api.example/server/api/core/bitstreams/{UUID}/content"


def listed(text: str) -> list[tuple[str, str]]:
    found = Discovery().links(text, f"{API}/x", content_type="application/hal+json;charset=UTF-8")
    return [(link.technique, link.url.removeprefix(API)) for link in found]


CLOUDS = {
    "https://www.dropbox.com/s/abc/a.pdf": "https://www.dropbox.com/s/abc/a.pdf?dl=1",
    "https://www.dropbox.com/scl/fi/abc/a.pdf?rlkey=k": "https://www.dropbox.com/scl/fi/abc/a.pdf?rlkey=k&dl=1",
    "https://firm.sharepoint.com/:b:/s/team/EaBc?e=x": "https://firm.sharepoint.com/:b:/s/team/EaBc?download=1",
    "https://onedrive.live.com/embed?cid=A&resid=A%21107&authkey=z": (
        "https://onedrive.live.com/download?cid=A&resid=A%21107&authkey=z"
    ),
}


@pytest.mark.parametrize(("shared", "document"), CLOUDS.items())
def test_links_to_shared_files(shared: str, document: str) -> None:
    found = links(f"<a href='{shared.replace('&', '&amp;')}'>x</a>", f"{HOST}/")
    assert (document, True) in [(link.url, link.document) for link in found]


def test_odd_urls_cost_little() -> None:
    began = time.process_time()
    for path in (
        "/s/" + "a=&" * 2_500,
        "/-/blob/" * 1_000,
        "/file.xhtml?" + "fileId&" * 1_100,
        "/scl/fi/x.pdf?dl=&x" * 400,
    ):
        assert document_urls(HOST + path, "") == []
    assert time.process_time() - began < 5, "milliseconds if it grows with the length"
