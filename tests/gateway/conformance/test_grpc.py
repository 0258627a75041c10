from __future__ import annotations

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.grpc import GrpcMaster


class TestGrpc(Conformance):
    kind = GrpcMaster
