"""Recognise pages that replace the requested one: logins, and challenges of bot protections.

The rules are strict, because ordinary pages also contain the scripts of such protections or a login in a corner. They
match marks of the challenge pages themselves.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADERS = {
    "cf-mitigated": re.compile("challenge").fullmatch,
    "x-amzn-waf-action": re.compile("challenge|captcha").fullmatch,
}
_CHALLENGES = {
    "Cloudflare": re.compile(
        rb"<title>(?:Just a moment\.\.\.|Attention Required! \| Cloudflare)</title>|\b_cf_chl_opt\b"
    ),
    "Imperva Incapsula": re.compile(rb"Request unsuccessful\. Incapsula incident ID"),
    "Akamai": re.compile(rb"/_sec/cp_challenge/|\bsec-if-cpt-container\b|[?&]bm-verify="),
    "DataDome": re.compile(rb"\bgeo\.captcha-delivery\.com/"),
    "PerimeterX": re.compile(rb'\bid="px-captcha"'),
    "DDoS-Guard": re.compile(rb"<title>DDoS-Guard</title>"),
    "Sucuri": re.compile(rb"\bsucuri_cloudproxy_js\b"),
    "Anubis": re.compile(rb"/\.within\.website/x/cmd/anubis/"),
}
_CAPTCHA = re.compile(
    rb"\b(?:g-recaptcha|h-captcha|cf-turnstile|captcha-form)\b|<title>[^<]{0,100}\bcaptcha\b", re.IGNORECASE
)
_PASSWORD = re.compile(rb"<input\b[^>]{0,500}\btype\s*=\s*[\"']?password\b", re.IGNORECASE)
_LOGIN_TITLE = re.compile(
    rb"<(?:title|h1|h2)\b[^>]{0,200}>[^<]{0,100}\b(?:log ?[io]n|sign[ -]?in|anmeld(?:en|ung)|einloggen|connexion"
    rb"|se connecter|iniciar sesi|accedi|acceder|inloggen|logga in|authenticat)",
    re.IGNORECASE,
)
_LOGIN_URL = re.compile(
    r"/(?:[^/?]*[._-])?(?:log-?[io]n|sign-?in|sso|saml2?|adfs|cas|shibboleth|idp|oauth2?|auth|account/login)\b",
    re.IGNORECASE,
).search

SEARCHED_SIZE = 64 * 1024
"""Bytes of a page that are searched."""


def declared_challenge(headers: Mapping[str, str]) -> str | None:
    """Return the header that declares the page to be a challenge, None if there is none."""
    for name, says in _HEADERS.items():
        value = headers.get(name)
        if value and says(value.strip().lower()):
            return f"{name}: {value}"
    return None


def challenge(page: bytes) -> str | None:
    """Return the protection whose challenge the page is, None if it is none that is known."""
    beginning = page[:SEARCHED_SIZE]
    return next((name for name, marks in _CHALLENGES.items() if marks.search(beginning)), None)


def asks_for_captcha(page: bytes) -> bool:
    """Return whether a page contains a captcha."""
    return _CAPTCHA.search(page, 0, SEARCHED_SIZE) is not None


def is_login(page: bytes, url: str) -> bool:
    """Return whether a page is a login: it asks for a password, and its title, heading or URL says so."""
    if not _PASSWORD.search(page, 0, SEARCHED_SIZE):
        return False
    return bool(_LOGIN_TITLE.search(page, 0, SEARCHED_SIZE) or _LOGIN_URL(url))
