"""Rules for platforms that many sites run: known by the shape of a page's URL, whatever its host.

Such a page is an application or a preview around one document, and nothing in it leads to the document itself.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Platform(NamedTuple):
    """A shape of URLs, the URL of the document, and a word that the text of the page must have."""

    page: re.Pattern[str]
    document: str
    marker: re.Pattern[str] | None = None


_PDF = re.compile(r"application/pdf|\.pdf\b|Adobe PDF", re.IGNORECASE)
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def _platform(page: str, document: str, marker: str | re.Pattern[str] | None = None) -> Platform:
    compiled = re.compile(marker, re.IGNORECASE) if isinstance(marker, str) else marker
    return Platform(re.compile(page, re.IGNORECASE), document, compiled)


PLATFORMS = (
    # Open Journal Systems, its press and its preprint server: the frame around a galley.
    _platform(
        r"(https?://[^?]+)/(article|issue|preprint)/view(?:file)?/([^/?]+(?:/version/[0-9]+)?)/([^/?]+)",
        r"\1/\2/download/\3/\4",
        r"Open (?:Journal|Preprint) Systems|pkp_|pdfJsViewer",
    ),
    _platform(
        r"(https?://[^?]+)/catalog/view/([^/?]+/[^/?]+/[^/?]+)",
        r"\1/catalog/download/\2",
        r"Open Monograph Press|pkp_|pdfJsViewer",
    ),
    # InvenioRDM and Zenodo: the preview of a file.
    _platform(r"(https?://[^?]+/records?/[^/?]+)/preview/([^?]+\.pdf)(?:\?.*)?", r"\1/files/\2?download=1"),
    # Dataverse: the page of a file.
    _platform(r"(https?://[^?]+)/file\.xhtml\?(?:.*&)?fileId=([0-9]+).*", r"\1/api/access/datafile/\2", _PDF),
    _platform(
        r"(https?://[^?]+)/file\.xhtml\?(?:.*&)?persistentId=([^&]+).*",
        r"\1/api/access/datafile/:persistentId?persistentId=\2",
        _PDF,
    ),
    # SharePoint and OneDrive for work: a shared PDF (":b:"), and a document by its id.
    _platform(r"(https?://[^/]+/:b:/[^?]+)(?:\?.*)?", r"\1?download=1"),
    _platform(
        rf"(https?://[^?]+/_layouts/15)/(?:Doc|WopiFrame2?)\.aspx\?(?:.*&)?sourcedoc=(?:%7B|\{{)?({_UUID}).*",
        r"\1/download.aspx?UniqueId=\2",
        _PDF,
    ),
    # Google Drive, Dropbox, Nextcloud and ownCloud: a shared file.
    _platform(
        r"(https?://[^/]+)/file/(?:u/[0-9]/)?d/([\w-]{10,})(?:/(?:view|edit|preview))?(?:\?.*)?",
        r"\1/uc?export=download&id=\2",
    ),
    _platform(r"(https?://[^/]+/(?:s|scl/fi)/[^?]+\.pdf)", r"\1?dl=1"),
    _platform(r"(https?://[^/]+/(?:s|scl/fi)/[^?]+\.pdf)\?((?:(?!dl=)[^&]*&)*(?!dl=)[^&]*)(?:&dl=0)?", r"\1?\2&dl=1"),
    _platform(
        r"(https?://[^?]+?/(?:index\.php/)?s/[A-Za-z0-9]{8,40})/?(?:\?.*)?",
        r"\1/download",
        r"(?s)(?:nextcloud|owncloud).*application/pdf|application/pdf.*(?:nextcloud|owncloud)",
    ),
    # GitLab, GitHub Enterprise, Gitea and Forgejo: the page of a file.
    _platform(r"(https?://[^/]+/[^?]+?)/-/blob/([^?]+\.pdf)(?:\?.*)?", r"\1/-/raw/\2"),
    _platform(r"(https?://[^/]+/[^/?]+/[^/?]+)/blob/([^?]+\.pdf)(?:\?.*)?", r"\1/raw/\2"),
    _platform(r"(https?://[^/]+/[^/?]+/[^/?]+)/src/((?:branch|tag|commit)/[^?]+\.pdf)(?:\?.*)?", r"\1/raw/\2"),
    # Laserfiche WebLink: the viewer of a document.
    _platform(
        r"(https?://[^?]+)/Doc(?:View)?\.aspx\?(?:.*&)?id=([0-9]+)(?:&.*)?&dbid=([0-9]+).*",
        r"\1/ElectronicFile.aspx?docid=\2&dbid=\3",
        r"laserfiche|weblink",
    ),
    # Plone: the page of a file.
    _platform(r"(https?://[^?]+\.pdf)/view(?:\?.*)?", r"\1/@@download/file"),
)
_SHAPES = re.compile("|".join(f"(?:{platform.page.pattern})" for platform in PLATFORMS), re.IGNORECASE).fullmatch
_DSPACE = re.compile(rf"(https?://[^/]+)(?:/[^?]*)?/bitstreams/({_UUID})/download.*", re.IGNORECASE).fullmatch
"""The download page of DSpace 7 and later."""
_DSPACE_API = re.compile(
    r"(https?://[\w.:/-]{1,200}?)/api/core/|\bbaseUrl(?:\\?\"|&q;):(?:\\?\"|&q;)(https?://[\w.:/-]{1,200})"
).search
"""Finds the address of a REST interface: in what it has sent, or in the settings of the application."""
_DSPACE_PAGE = re.compile(
    rf"(https?://[^/]+)(?:/[^?]*?)?/(?:(items|entities/\w+|collections|communities)/({_UUID})(?:/full)?|home|)(?:\?.*)?",
    re.IGNORECASE,
).fullmatch
_DSPACE_SHELL = re.compile(r"<ds-(?:root|app)\b").search


def listing_url(url: str, html: str) -> str | None:
    """Return where a repository lists what the page at a normalised ``url`` stands for; None if it is no such page.

    A page of DSpace 7 and later shows only some of an item's files, and without scripts nothing at all.
    """
    page = _DSPACE_PAGE(url)
    if page is None or not _DSPACE_SHELL(html):
        return None
    api, kind, name = f"{_dspace_api(page[1], html)}/api", (page[2] or "").lower(), page[3]
    if kind.startswith(("items", "entities")):
        return f"{api}/core/items/{name}/bundles?size=100"
    return f"{api}/discover/search/objects?dsoType=ITEM&size=100{f'&scope={name}' if name else ''}"


def _dspace_api(origin: str, html: str) -> str:
    api = _DSPACE_API(html)
    return (api[1] or api[2]).rstrip("/") if api else f"{origin}/server"


def document_urls(url: str, html: str) -> list[str]:
    """Return the URLs of the documents that the page at a normalised ``url`` with that text stands for."""
    if download := _DSPACE(url):
        return [f"{_dspace_api(download[1], html)}/api/core/bitstreams/{download[2]}/content"]
    if not _SHAPES(url):
        return []
    return [
        shape.expand(platform.document)
        for platform in PLATFORMS
        if (shape := platform.page.fullmatch(url)) and (platform.marker is None or platform.marker.search(html))
    ]
