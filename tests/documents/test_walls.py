from __future__ import annotations

import pytest

from pdfspider.documents.login_pages import asks_for_captcha, challenge, declared_challenge, is_login

FORM = b"<form action=/in><input name=u><input type=%s name=p></form>"
PASSWORD = FORM % b"'password'"


@pytest.mark.parametrize(
    ("page", "whose"),
    [
        (b"<html><head><title>Just a moment...</title></head>", "Cloudflare"),
        (b"<title>Attention Required! | Cloudflare</title>", "Cloudflare"),
        (b"Request unsuccessful. Incapsula incident ID: 877-1", "Imperva Incapsula"),
        (b'<script src="/_sec/cp_challenge/ak-challenge-3-2.htm"></script>', "Akamai"),
        (b'<script src="https://geo.captcha-delivery.com/captcha/"></script>', "DataDome"),
        (b'<div id="px-captcha"></div>', "PerimeterX"),
        (b"<title>DDoS-Guard</title>", "DDoS-Guard"),
        (b"<p>We have just a moment... of your time</p>", None),
        (b'<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>', None),
        (b'<script src="/_Incapsula_Resource?SWJIYLWA=1"></script><p>Welcome</p>', None),
        (b"", None),
    ],
)
def test_challenges(page: bytes, whose: str | None) -> None:
    assert challenge(page) == whose


def test_challenges_that_are_declared() -> None:
    assert declared_challenge({"cf-mitigated": "challenge"})
    assert declared_challenge({"x-amzn-waf-action": "captcha"})
    assert not declared_challenge({"cf-mitigated": "", "server": "cloudflare"})


@pytest.mark.parametrize(
    ("page", "url", "expected"),
    [
        (b"<title>Sign in</title>" + PASSWORD, "https://a.example/f.pdf", True),
        (b"<title>Anmelden - Bibliothek</title>" + PASSWORD, "https://a.example/f.pdf", True),
        (b"<h1>Please log in</h1>" + FORM % b"password", "https://a.example/f.pdf", True),
        (b"<title>Library</title>" + PASSWORD, "https://idp.a.example/idp/profile/SAML2/Redirect/SSO", True),
        (b"<title>Library</title>" + PASSWORD, "https://a.example/user-login?to=f.pdf", True),
        (b"<title>Library</title>" + PASSWORD, "https://a.example/f.pdf", False),
        (b"<title>Sign in</title>" + FORM % b"text", "https://a.example/login", False),
        (b"<title>How to sign in</title>", "https://a.example/f.pdf", False),
        (b"<title>Catalogue</title>" + PASSWORD, "https://a.example/casting/blogin", False),
    ],
)
def test_logins(page: bytes, url: str, expected: bool) -> None:
    assert is_login(page, url) is expected


def test_captchas() -> None:
    assert asks_for_captcha(b"<div class='g-recaptcha'>")
    assert asks_for_captcha(b"<title>CAPTCHA check</title>")
    assert not asks_for_captcha(b"<p>about captchas</p>")
