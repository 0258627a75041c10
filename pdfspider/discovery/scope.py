"""Decide which links of a job are followed."""

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
    """The pages that a job follows: on the seeds' hosts, in their registered domains, or anywhere.

    ``names`` are these hosts or domains; there are none for ``any``.
    """

    kind: ScopeKind
    names: frozenset[str] = frozenset()

    @classmethod
    def of_seeds(cls, kind: str, urls: Iterable[str]) -> Scope:
        """Return the scope around normalised seed ``urls``.

        Raises InvalidInput for an unknown kind.
        """
        return cls(_kind(kind)).including(urls)

    def including(self, urls: Iterable[str]) -> Scope:
        """Return the scope with the hosts or domains of further normalised ``urls``."""
        if self.kind == "any":
            return self
        return replace(self, names=self.names.union(map(self._place, urls)))

    def contains(self, url: str) -> bool:
        """Return whether a normalised ``url`` lies in this scope."""
        return self.kind == "any" or self._place(url) in self.names

    def admits(self, link: Link) -> bool:
        """Return whether ``link`` is followed: pages stay in scope, a link that says it is a PDF may leave it."""
        return link.document or self.contains(link.url)

    def _place(self, url: str) -> str:
        host = host_of(url)
        return registered_domain(host) if self.kind == "domain" else host


def _kind(text: str) -> ScopeKind:
    if text not in get_args(ScopeKind):
        raise InvalidInput(f"{text!r} is not a scope; use {', '.join(get_args(ScopeKind))}")
    return cast("ScopeKind", text)
