from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.http import HttpMaster


class TestHttp(Conformance):
    kind = HttpMaster
