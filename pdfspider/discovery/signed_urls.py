"""Links that are signed and expire, or belong to a session.

The signatures are those of S3, CloudFront, Google and Azure, and tokens of a site's own making.
"""

from __future__ import annotations

from pdfspider.discovery.urls import canonical
from pdfspider.discovery.variants import without_visitor

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
_SESSIONS = _TOKENS | frozenset(
    (
        *("sid", "sess", "sessid", "session", "sessionid", "session_id", "phpsessid", "jsessionid", "cfid", "cftoken"),
        *("ticket", "nonce", "_wpnonce", "csrf", "csrftoken", "csrf_token"),
    )
)
"""Fields whose values belong to the session in which a link was found."""
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


def has_session(url: str) -> bool:
    """Return whether a normalised ``url`` carries a session, by the names of its fields."""
    return without_session(url) != canonical(url)


def without_session(url: str) -> str:
    """Return the form of a normalised ``url`` that is the same in each session."""
    page, _, _ = url.partition("?")
    kept = "&".join(field for field in _fields(url) if _name(field) not in _SESSIONS)
    return without_visitor(canonical(f"{page}?{kept}" if kept else page))


def _fields(url: str) -> list[str]:
    return url.partition("?")[2].split("&")


def _name(field: str) -> str:
    return field.partition("=")[0].lower()


def _of_signature(name: str) -> bool:
    return name in _SIGNATURES or name in _TOKENS or name in _COMPANIONS or name.startswith(_PREFIXES)
