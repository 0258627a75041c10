from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.amqp import AmqpMaster


class TestRabbitMq(Conformance):
    kind = AmqpMaster
