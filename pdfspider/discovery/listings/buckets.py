"""Listings of object stores: ``ListBucketResult`` of S3 and its like, ``EnumerationResults`` of Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pdfspider.discovery.rules import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from urllib.parse import SplitResult

_MARKERS = frozenset(("marker", "continuation-token", "start-after", "key-marker"))
_NEXT_MARKERS = {"nextcontinuationtoken": "continuation-token", "nextmarker": "marker"}
_GROUPS = frozenset(("contents", "blob", "commonprefixes", "blobprefix"))
_KEYS = frozenset((("key", "contents"), ("name", "blob")))
_DIRECTORIES = frozenset((("prefix", "commonprefixes"), ("name", "blobprefix")))


def objects(elements: Iterable[tuple[str, str, str, str]], url: str) -> Iterator[tuple[str, Reference]]:
    """Yield the objects of a listing at ``url``, its directories, and its next part.

    ``elements`` are prefix, name, attributes and text of each element of it.
    """
    listing = _Listing(urlsplit(url))
    for _, name, _, value in elements:
        if name in _GROUPS:
            listing.group = name
        elif value and (name, listing.group) in _KEYS:
            yield "bucket", listing.object(value)
        elif value and (name, listing.group) in _DIRECTORIES:
            yield "bucket-next", listing.part({"prefix": value})
        else:
            listing.read(name, value)
    if listing.is_cut and (listing.next or listing.last):
        yield "bucket-next", listing.part(listing.next or {"marker": listing.last})


class _Listing:
    """The part of a listing that was read so far."""

    def __init__(self, url: SplitResult) -> None:
        self.url, self.bucket, self.last = url, "", ""
        self.group = ""
        """The element in which the last ones stand."""
        self.is_cut = False
        self.next: dict[str, str] = {}
        """The field of the query with which the next part begins."""

    def read(self, name: str, value: str) -> None:
        """Read an element that is neither an object nor a directory."""
        if name == "enumerationresults":
            self.bucket, self.group = self.url.path.strip("/"), "azure"
        elif name == "name" and not self.group:
            self.bucket = value
        elif name == "istruncated":
            self.is_cut = value.lower() == "true"
        elif value and name in _NEXT_MARKERS:
            self.next, self.is_cut = {_NEXT_MARKERS[name]: value}, True

    def object(self, key: str) -> Reference:
        """Return an object of the bucket."""
        self.last = key
        return Reference(_address(self.url.path, self.bucket, key))

    def part(self, changed: dict[str, str]) -> Reference:
        """Return another part of the listing."""
        return Reference(_query(self.url.query, changed))


def _address(path: str, bucket: str, key: str) -> str:
    """Return the path of an object: below the bucket, where that is in the path and not in the host."""
    first = path.strip("/").partition("/")[0]
    return f"/{quote(bucket)}/{quote(key)}" if bucket and first == bucket else f"/{quote(key)}"


def _query(query: str, changed: dict[str, str]) -> str:
    """Return a listing's query with other fields, from its beginning unless they say where to go on."""
    kept = {name: value for name, value in parse_qsl(query, keep_blank_values=True) if name not in _MARKERS}
    return f"?{urlencode(kept | changed)}"
