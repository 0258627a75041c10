"""What the benchmark site consists of, computed from a seed: pages, documents, and who links to whom."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass

from bench.content import page_html, pdf, sha256

LINKS_PER_PAGE = 22
CHILDREN_PER_PAGE = 4
MIB = 1 << 20


@dataclass(frozen=True)
class Site:
    """A web site over ``hosts`` addresses 127.0.0.1, 127.0.0.2, … on one port; all it holds follows from its fields.

    Page 0 is ``http://127.0.0.1:PORT/``; the pages form a tree of four children each, so every page is reachable, and
    document ``d`` is linked from page ``d mod pages``; the rest of a page's 22 links leads anywhere, most of it to its
    own host. Documents have 1 to ``largest`` kB (the logarithm is uniform: small ones are more frequent), the first
    ``large`` of them 2 to 8 MiB; 16 % have no ``.pdf`` in their path.
    """

    hosts: int = 16
    pages: int = 1600
    documents: int = 3200
    seed: int = 1
    large: int = 0
    largest: int = 700
    port: int = 80

    def __post_init__(self) -> None:
        if not (1 <= self.hosts <= 254 and self.pages >= 1 and self.documents >= 0):
            raise ValueError(f"no such site: {self}")

    @property
    def url(self) -> str:
        return self.page_url(0)

    @property
    def addresses(self) -> list[str]:
        return [self._address(host) for host in range(self.hosts)]

    def page_url(self, page: int) -> str:
        return self._origin(page % self.hosts) + self._page_path(page)

    def document_url(self, document: int) -> str:
        return self._origin(self._document_host(document)) + self._document_path(document)

    def page_urls(self) -> list[str]:
        return [self.page_url(page) for page in range(self.pages)]

    def document_urls(self) -> list[str]:
        return [self.document_url(document) for document in range(self.documents)]

    def expected(self) -> dict[str, str]:
        """Every document's URL and the SHA-256 of its bytes."""
        return {self.document_url(document): sha256(self.document(document)) for document in range(self.documents)}

    def find(self, address: str, path: str) -> tuple[str, int] | None:
        """``("page", n)`` or ``("document", n)`` for what that host has under that path."""
        return self._routes.get((address, path))

    def page(self, page: int) -> bytes:
        """The HTML of a page. Links to its own host have no host in them."""
        origin = self._origin(page % self.hosts)
        hrefs = [link.removeprefix(origin) for link in self.links(page)]
        return page_html(f"Page {page}", hrefs, LINKS_PER_PAGE)

    def document(self, document: int) -> list[bytes | memoryview]:
        """The bytes of a document, in parts."""
        return pdf(self.document_size(document), f"seed {self.seed} document {document}")

    def document_size(self, document: int) -> int:
        rng = random.Random(self.seed << 32 | document)
        if document < self.large:
            return rng.randint(2 * MIB, 8 * MIB)
        return int(1_000 * self.largest ** rng.random())

    def links(self, page: int) -> list[str]:
        """The absolute URLs that a page links to, each once."""
        children = range(page * CHILDREN_PER_PAGE + 1, (page + 1) * CHILDREN_PER_PAGE + 1)
        links = [self.page_url(child) for child in children if child < self.pages]
        links += [self.document_url(document) for document in range(page, self.documents, self.pages)]
        rng = random.Random(self.seed << 32 | page)
        links += [self._anywhere(page, rng) for _ in range(LINKS_PER_PAGE - len(links))]
        return list(dict.fromkeys(links))

    def _anywhere(self, page: int, rng: random.Random) -> str:
        host = page % self.hosts if rng.random() < 0.75 else rng.randrange(self.hosts)
        documents = self._documents_by_host[host]
        if documents and rng.random() < 0.5:
            return self.document_url(rng.choice(documents))
        pages = range(host, self.pages, self.hosts) or range(1)
        return self.page_url(rng.choice(pages))

    @functools.cached_property
    def _routes(self) -> dict[tuple[str, str], tuple[str, int]]:
        pages = {
            (self._address(page % self.hosts), self._page_path(page)): ("page", page) for page in range(self.pages)
        }
        documents = {
            (self._address(self._document_host(document)), self._document_path(document)): ("document", document)
            for document in range(self.documents)
        }
        return pages | documents

    @functools.cached_property
    def _documents_by_host(self) -> list[list[int]]:
        hosts: list[list[int]] = [[] for _ in range(self.hosts)]
        for document in range(self.documents):
            hosts[self._document_host(document)].append(document)
        return hosts

    def _document_host(self, document: int) -> int:
        """That of the page that surely links to it, but for every fifth one."""
        elsewhere = 1 + document // 80 if document % 5 == 4 else 0
        return (document % self.pages + elsewhere) % self.hosts

    def _address(self, host: int) -> str:
        return f"127.0.0.{host + 1}"

    def _origin(self, host: int) -> str:
        return f"http://{self._address(host)}:{self.port}"

    @staticmethod
    def _page_path(page: int) -> str:
        return f"/pages/{page}.html" if page else "/"

    @staticmethod
    def _document_path(document: int) -> str:
        match document % 25:
            case 3 | 15:
                return f"/get?id={document}"
            case 9 | 21:
                return f"/download/{document}"
            case _:
                return f"/files/{document}.pdf"
