from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.kafka import KafkaMaster


class TestKafkaMock(Conformance):
    kind = KafkaMaster
