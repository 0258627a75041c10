"""A real Kafka, and both clients that people use with it."""

from __future__ import annotations

import pytest

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.aiokafka import AioKafkaMaster
from tests.gateway.masters.kafka import KafkaBrokerMaster

pytestmark = pytest.mark.slow


class TestConfluentKafka(Conformance):
    kind = KafkaBrokerMaster


class TestAioKafka(Conformance):
    kind = AioKafkaMaster
