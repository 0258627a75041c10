from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.rq import RqMaster


class TestRq(Conformance):
    kind = RqMaster
