"""Remove from a URL what identifies a visitor or where they came from.

Only parameters with a certain meaning are removed: a name that may mean something else at another site is kept.
"""

from __future__ import annotations

import re

# Servlet containers and PHP put the visitor's session into paths, ASP.NET as a directory of its own.
_SESSION_IN_PATH = re.compile(r";(?:jsessionid|phpsessid)=[^;/?#&]*|/\(S\([a-z0-9]{24}\)\)(?=/)", re.IGNORECASE)
_SESSION = r"(?:phpsessid|jsessionid|aspsessionid[a-z]{8}|oscsid|zenid)=[\w,.!-]+"
_CAMPAIGN = (
    r"(?:utm_\w+|[dg]clid|gclsrc|gad_source|[gw]braid|fbclid|msclkid|yclid|twclid|ttclid|li_fat_id|igshid|mc_[ce]id"
    r"|mkt_tok|_hsenc|_hsmi|_gl|_openstat|oly_(?:anon|enc)_id|vero_id)=[^&#]*"
)
_FIELD = rf"(?:{_SESSION}|{_CAMPAIGN})(?=[&#]|$)"
_MAY_HAVE_FIELD = re.compile(rf"[?&](?:sid=|{_FIELD})", re.IGNORECASE).search
_IS_FIELD = re.compile(_FIELD, re.IGNORECASE).fullmatch
_FORUM = re.compile(r".*/(?:viewtopic|viewforum|index|memberlist|posting|ucp|search|faq|mcp|file)\.php").fullmatch
_FORUM_SESSION = re.compile(r"sid=[0-9a-f]{32}").fullmatch


def without_visitor(url: str) -> str:
    """Return a canonical ``url`` without session ids and without campaign and referrer parameters."""
    if ";" in url or "/(" in url:
        url = _SESSION_IN_PATH.sub("", url)
    if "?" not in url or not _MAY_HAVE_FIELD(url):
        return url
    page, _, query = url.partition("?")
    kept = [field for field in query.split("&") if not _IS_FIELD(field)]
    if _FORUM(page):
        kept = [field for field in kept if not _FORUM_SESSION(field)]
    return f"{page}?{'&'.join(kept)}" if kept else page
