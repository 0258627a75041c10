from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.celery import CeleryMaster


class TestCeleryOnRabbitMq(Conformance):
    kind = CeleryMaster
