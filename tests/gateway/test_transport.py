"""What becomes of one of GATEWAY_URLS."""

from __future__ import annotations

import pytest

from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.base import Address


@pytest.mark.parametrize(
    ("url", "name", "plain"),
    [
        ("redis:", "redis", "redis:"),
        ("redis://localhost/1?tasks=mine#second", "second", "redis://localhost/1"),
        ("unix:///run/redis.sock?db=1&tasks=mine", "unix", "unix:///run/redis.sock?db=1"),
        ("amqp://localhost", "amqp", "amqp://localhost"),
        ("amqp://a:b@localhost/vhost?heartbeat=9", "amqp", "amqp://a:b@localhost/vhost?heartbeat=9"),
        ("celery+pyamqp://guest@localhost//?backend=redis://localhost/1", "celery", "pyamqp://guest@localhost//"),
        ("rq+unix:///run/redis.sock", "rq", "unix:///run/redis.sock"),
        ("http://[::1]:80", "http", "http://[::1]:80"),
    ],
)
def test_an_address_has_a_name_and_what_the_client_takes(url: str, name: str, plain: str) -> None:
    address = Address(url, {"tasks": "", "backend": ""})
    assert (address.name, address.url) == (name, plain)


def test_an_option_has_the_values_that_it_has() -> None:
    allowed = {"declare": ("no", "yes")}
    assert Address("amqp://h?declare=yes", dict(allowed)).options == {"declare": "yes"}
    assert Address("amqp://h", dict(allowed)).options == {"declare": "no"}
    with pytest.raises(ConfigurationError, match="must be one of no, yes"):
        Address("amqp://h?declare=maybe", dict(allowed))
