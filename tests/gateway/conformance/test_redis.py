from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.redis import RedisMaster


class TestRedis(Conformance):
    kind = RedisMaster
