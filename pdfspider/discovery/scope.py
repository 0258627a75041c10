"""Which links of a job are followed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast, get_args

from pdfspider.discovery.hosts import registered_domain
from pdfspider.discovery.urls import host_of
from pdfspider.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdfspider.items import Link

ScopeKind = Literal["host", "domain", "any"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Pages stay on the seeds' hosts, or in their registered domains, or go anywhere.

    ``names`` are these hosts or domains; none for ``any``.
    """

    kind: ScopeKind
    names: frozenset[str] = frozenset()

    @classmethod
    def of_seeds(cls, kind: str, urls: Iterable[str]) -> Scope:
        """The scope around normalised seed ``urls``. Raises InvalidInput for an unknown kind."""
        return cls(_kind(kind)).including(urls)

    @classmethod
    def from_text(cls, text: str) -> Scope:
        """Raises InvalidInput for what ``to_text`` cannot have written."""
        kind, *names = text.split(" ")
        return cls(_kind(kind), frozenset(names))

    def to_text(self) -> str:
        return " ".join((self.kind, *sorted(self.names)))

    def including(self, urls: Iterable[str]) -> Scope:
        """The scope widened by further normalised ``urls``: more seeds, or what a seed redirects to."""
        if self.kind == "any":
            return self
        return replace(self, names=self.names.union(map(self._place, urls)))

    def contains(self, url: str) -> bool:
        """Whether a normalised ``url`` lies in this scope."""
        return self.kind == "any" or self._place(url) in self.names

    def admits(self, link: Link) -> bool:
        """Whether ``link`` is followed: pages stay in scope, a link that says it is a PDF may leave it."""
        return link.document or self.contains(link.url)

    def _place(self, url: str) -> str:
        host = host_of(url)
        return registered_domain(host) if self.kind == "domain" else host


def _kind(text: str) -> ScopeKind:
    if text not in get_args(ScopeKind):
        raise InvalidInput(f"{text!r} is not a scope; use {', '.join(get_args(ScopeKind))}")
    return cast("ScopeKind", text)
