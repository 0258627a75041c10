from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.celery_redis import CeleryRedisMaster


class TestCeleryOnRedis(Conformance):
    kind = CeleryRedisMaster
