from __future__ import annotations

import pytest

from tests.gateway.conformance.suite import Conformance
from tests.gateway.masters.redis import ValkeyMaster


@pytest.mark.slow
class TestValkey(Conformance):
    kind = ValkeyMaster
