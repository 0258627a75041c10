"""Small sites that serve documents in odd ways, each behind a page of its own, and what a visitor gets of them.

A site is a function that adds answers to a server, links and documents. None is like another, nor like what the tests
of single parts use.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.content import pdf
from tests.crawl.hostile import HTML, Hostile, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crawl.hostile import Answer, Request

SITES: dict[str, Callable[[Odd], None]] = {}

COOKIE = re.compile(r"\r\nCookie: (.*)\r\n", re.IGNORECASE)

REFERER = re.compile(r"\r\nReferer: (.*)\r\n", re.IGNORECASE)


@dataclass
class Odd:
    """One site: its server, the prefix of its paths, the links of its page, and its documents by name."""

    server: Hostile
    name: str
    links: list[str] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    headers: tuple[str, ...] = ()

    @property
    def root(self) -> str:
        return f"/{self.name.replace(' ', '-')}/"

    def body(self, name: str, size: int = 2000) -> bytes:
        """The bytes of a document that is to be kept."""
        body = b"".join(pdf(size, f"{self.name[:30]} {name[:16]}"))
        return self.keep(name, body)

    def keep(self, name: str, body: bytes) -> bytes:
        self.documents[name] = hashlib.sha256(body).hexdigest()
        return body

    def refuse(self, body: bytes) -> bytes:
        """The bytes of what must not be kept."""
        self.refused.add(hashlib.sha256(body).hexdigest())
        return body

    def add(self, path: str, answer: Answer) -> None:
        self.server.answers[self.root + path] = answer

    def file(self, path: str, answer: Answer | None = None, *, linked: bool = True) -> None:
        """Add a document, with a link to it on the site's page."""
        self.add(path, reply(self.body(path)) if answer is None else answer)
        if linked:
            self.links.append(f"<a href='{self.root}{path}'>x</a>")

    def page(self, path: str, html: str, *headers: str, linked: bool = True, status: str = "200 OK") -> None:
        self.add(path, reply(f"<html><body>{html}</body></html>".encode(), HTML, *headers, status=status))
        if linked:
            self.links.append(f"<a href='{self.root}{path}'>x</a>")


def site(make: Callable[[Odd], None]) -> Callable[[Odd], None]:
    SITES[make.__name__.replace("_", " ")] = make
    return make


def build(server: Hostile) -> list[Odd]:
    """Add all sites to a server; its root leads to each of them."""
    made = []
    for name, make in SITES.items():
        odd = Odd(server, name)
        make(odd)
        page = "".join(odd.links)
        if odd.root not in server.answers:
            odd.add("", reply(f"<html><title>{name}</title><body>{page}</body></html>".encode(), HTML, *odd.headers))
        made.append(odd)
    home = "".join(f"<p><a href='{odd.root}'>{odd.name}</a>" for odd in made)
    server.answers["/"] = reply(f"<html><body>{home}</body></html>".encode(), HTML)
    return made


def cookies_of(request: Request) -> str:
    found = COOKIE.search(request.headers)
    return found[1] if found else ""


def needs(condition: Callable[[Request], bool], yes: bytes, no: bytes) -> Answer:
    """An answer that depends on the request."""

    def answer(request: Request) -> None:
        request.send(yes if condition(request) else no)

    return answer


def in_turn(*answers: bytes) -> Answer:
    """One answer after the other, then the last one again."""
    left = list(answers)

    def answer(request: Request) -> None:
        request.send(left.pop(0) if len(left) > 1 else left[0])

    return answer


FORBIDDEN = reply(b"<html><h1>Forbidden</h1></html>", HTML, status="403 Forbidden")
