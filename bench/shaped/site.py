"""What the shaped site consists of, computed from a seed."""

from __future__ import annotations

import functools
import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.content import pdf, sha256
from bench.shaped import documents, places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.shaped.documents import Document

CHILDREN_PER_PAGE = 4
DOCUMENTS_PER_URL = 0.8
FAKES = ("login", "challenge", "shell", "landing")
BYTES = (1_500, 150_000)


@dataclass(frozen=True)
class Shaped:
    """A site of about ``urls`` URLs over ``hosts`` addresses 127.0.0.1, 127.0.0.2, …; all follows from its fields.

    Its pages form a tree of four children each from ``http://127.0.0.1:PORT/`` on; document ``n`` is hidden on page
    ``n mod pages``, or in a list of that page's host. Fakes are HTML at URLs that end in ``.pdf``:
    login walls, challenges, the shells of viewers, and landing pages that link to one document each.
    """

    urls: int = 3000
    hosts: int = 8
    seed: int = 1
    port: int = 80

    def __post_init__(self) -> None:
        if not (1 <= self.hosts <= 254 and self.urls >= 20 * self.hosts):
            raise ValueError(f"no such site: {self}")

    @property
    def url(self) -> str:
        return f"{self.origin(0)}/"

    @property
    def addresses(self) -> list[str]:
        """Those of the site's hosts, and one more."""
        return [f"127.0.0.{host + 1}" for host in range(self.hosts + 1)]

    @property
    def seeds(self) -> list[str]:
        """The URLs that a job begins with, so that all hosts but the last are in its scope; and two lists of URLs."""
        return [*map(self.page_url, range(self.hosts)), f"{self.origin(0)}/list.txt", self.origin(0) + places.OAI]

    @property
    def rules(self) -> dict[str, list[tuple[str, str]]]:
        """What a user knows of these hosts: the URL of a document by that of its page."""
        return {address: [(r"(https?://[^/]+)/abs/([0-9]+)", r"\1/pdf/\2")] for address in self.addresses}

    def origin(self, host: int) -> str:
        return f"http://127.0.0.{host + 1}:{self.port}"

    @functools.cached_property
    def documents(self) -> list[Document]:
        return documents.make(round(self.urls * DOCUMENTS_PER_URL), self.hosts, self.seed)

    @functools.cached_property
    def fakes(self) -> list[str]:
        """The kind of each fake."""
        named = sum(document.says_pdf for document in self.documents)
        count = round(named * documents.HTML_AT_PDF / (1 - documents.HTML_AT_PDF))
        return [FAKES[n % len(FAKES)] for n in range(count)]

    @functools.cached_property
    def pages(self) -> int:
        """What is left for pages in the tree."""
        moved = sum(document.moved for document in self.documents)
        own = sum(document.place.where in {"own", "rewritten"} for document in self.documents)
        lists = 4 * self.hosts + 3
        return max(2 * self.hosts, self.urls - len(self.documents) - len(self.fakes) - moved - own - lists)

    def document_url(self, document: Document) -> str:
        return self.origin(document.host) + document.path

    def page_url(self, page: int) -> str:
        return self.origin(page % self.hosts) + self.page_path(page)

    def page_path(self, page: int) -> str:
        return "/" if page < self.hosts else f"/pages/{page}.html"

    def children(self, page: int) -> Iterable[str]:
        first = page * CHILDREN_PER_PAGE + 1
        return [self.page_url(child) for child in range(first, first + CHILDREN_PER_PAGE) if child < self.pages]

    def page_of(self, document: Document) -> int:
        return document.number % (self.pages // self.hosts * self.hosts)

    @functools.cached_property
    def landings(self) -> dict[int, int]:
        """The fake behind which a document lies, by the document's number."""
        fakes = [n for n, kind in enumerate(self.fakes) if kind == "landing"]
        plain = [one.number for one in self.documents if one.place == places.PLACES[0] and not one.moved]
        return dict(zip(plain, fakes, strict=False))

    def body(self, document: Document) -> list[bytes | memoryview]:
        low, high = BYTES
        size = int(low * (high / low) ** random.Random(self.seed << 32 | document.original).random())
        return pdf(size, f"seed {self.seed} document {document.original}")

    @functools.cached_property
    def hashes(self) -> list[str]:
        """The SHA-256 of every document's bytes, also of those that never come whole."""
        return [sha256(self.body(document)) for document in self.documents]

    def expected(self, techniques: Iterable[str] | None = None) -> dict[str, str]:
        """The URL and the SHA-256 of every document that can be had by these techniques, or by all."""
        known = None if techniques is None else set(techniques)
        return {
            self.document_url(document): self.hashes[document.number]
            for document in self.documents
            if document.comes and (known is None or document.place.techniques <= known)
        }

    def by_place(self) -> dict[str, set[str]]:
        """The hashes of what can be had, by the name of the place where it is hidden."""
        found: dict[str, set[str]] = {document.place.name: set() for document in self.documents}
        for document in self.documents:
            if document.comes:
                found[document.place.name].add(self.hashes[document.number])
        return found

    def figures(self) -> Counter[str]:
        """How many there are of what."""
        every = self.documents
        return Counter(
            {
                "documents": len(every),
                "without .pdf": sum(not document.says_pdf for document in every),
                "fakes": len(self.fakes),
                "cut at first": sum(document.cut is not None for document in every),
                "never whole": sum(not document.comes for document in every),
                "copies": sum(document.original != document.number for document in every),
                "redirects": sum(document.moved for document in every),
                "pages": self.pages,
            }
        )
