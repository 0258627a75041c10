"""Listings of object stores: ``ListBucketResult`` of S3 and its like, ``EnumerationResults`` of Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pdfspider.discovery.rules import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MARKERS = frozenset(("marker", "continuation-token", "start-after", "key-marker"))


def objects(elements: Iterable[tuple[str, str, str, str]], url: str) -> Iterator[tuple[str, Reference]]:
    """Yield the objects of a listing at ``url``, its directories, and its next part.

    ``elements`` are prefix, name, attributes and text of each element of it.
    """
    parts, bucket, last, cut, following = urlsplit(url), "", "", False, {}
    within = ""
    for _, name, _, value in elements:
        if name in ("contents", "blob", "commonprefixes", "blobprefix"):
            within = name
        elif name == "enumerationresults":
            bucket, within = parts.path.strip("/"), "azure"
        elif name == "name" and not within:
            bucket = value
        elif value and ((name == "key" and within == "contents") or (name == "name" and within == "blob")):
            last = value
            yield "bucket", Reference(_address(parts.path, bucket, value))
        elif value and (name, within) in (("prefix", "commonprefixes"), ("name", "blobprefix")):
            yield "bucket-next", Reference(_query(parts.query, {"prefix": value}))
        elif name == "istruncated":
            cut = value.lower() == "true"
        elif value and name in ("nextcontinuationtoken", "nextmarker"):
            following = {"continuation-token" if name == "nextcontinuationtoken" else "marker": value}
            cut = True
    if cut and (following or last):
        yield "bucket-next", Reference(_query(parts.query, following or {"marker": last}))


def _address(path: str, bucket: str, key: str) -> str:
    """Return the path of an object: below the bucket, where that is in the path and not in the host."""
    first = path.strip("/").partition("/")[0]
    return f"/{quote(bucket)}/{quote(key)}" if bucket and first == bucket else f"/{quote(key)}"


def _query(query: str, changed: dict[str, str]) -> str:
    """Return a listing's query with other fields, from its beginning unless they say where to go on."""
    kept = {name: value for name, value in parse_qsl(query, keep_blank_values=True) if name not in _MARKERS}
    return f"?{urlencode(kept | changed)}"
