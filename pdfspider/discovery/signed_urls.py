"""Links that are signed and expire: S3, CloudFront, Google, Azure, and those that carry a token of their own making."""

from __future__ import annotations

from pdfspider.discovery.urls import canonical

_SIGNATURES = frozenset(("x-amz-signature", "x-goog-signature", "signature", "sig", "hdnea", "hdnts"))
_TOKENS = frozenset(("token", "hmac", "hash", "signed", "auth"))
_COMPANIONS = frozenset(
    (
        "expires",
        "expiry",
        "exp",
        "key-pair-id",
        "policy",
        "awsaccesskeyid",
        "googleaccessid",
        "se",
        "st",
        "sp",
        "sv",
        "sr",
    )
)
_PREFIXES = ("x-amz-", "x-goog-")
EXPIRED_STATUSES = frozenset({400, 401, 403, 410})
"""Statuses by which servers refuse a link that has expired."""


def is_signed(url: str, *, document: bool) -> bool:
    """Return whether a normalised ``url`` carries a signature.

    A mere token counts only if the URL is that of a ``document``.
    """
    return any((name := _name(field)) in _SIGNATURES or (document and name in _TOKENS) for field in _fields(url))


def unsigned(url: str) -> str:
    """Return the canonical form of a normalised ``url`` without its signature.

    It is the same for every link to one document.
    """
    page, _, _ = url.partition("?")
    kept = "&".join(field for field in _fields(url) if not _of_signature(_name(field)))
    return canonical(f"{page}?{kept}" if kept else page)


def _fields(url: str) -> list[str]:
    return url.partition("?")[2].split("&")


def _name(field: str) -> str:
    return field.partition("=")[0].lower()


def _of_signature(name: str) -> bool:
    return name in _SIGNATURES or name in _TOKENS or name in _COMPANIONS or name.startswith(_PREFIXES)
