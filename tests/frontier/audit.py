"""What must hold of the frontier's raw keys at any moment between two calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.frontier.audit import audit as look

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from pdfspider.frontier.audit import AuditReport


async def audit(redis: Redis) -> AuditReport:
    """Raises AssertionError where the keys contradict each other; nothing moves while it looks."""
    report = await look(redis, looks=1)
    assert not report.findings, "\n".join(report.lines())
    return report
