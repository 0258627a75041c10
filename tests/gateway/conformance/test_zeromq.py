from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.zeromq import ZeroMqMaster


class TestZeroMq(Conformance):
    kind = ZeroMqMaster
