"""Published results that masters can ask for again by id.

The frontier keeps the master's own fields (``task_id``, ``meta``, ``urls``) for FRONTIER_RETENTION seconds. The rest is
read from the database again.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import KEY_LENGTH
from pdfspider.frontier.results.pending_results import only_task
from pdfspider.frontier.scripts import PREFIX
from pdfspider.gateway.base import TransportError

if TYPE_CHECKING:
    from pdfspider.gateway.base import Result
    from pdfspider.gateway.service import GatewayService

RESULT_ID = re.compile(r"([0-9]{1,18})-([0-9a-f]{16})", re.ASCII)
TASK_FIELDS = ("task_id", "meta", "urls")
KEPT_FIELDS = ("job", "run", "state", *TASK_FIELDS)


class Replay:
    """The published results of one transport."""

    def __init__(self, service: GatewayService, transport: str) -> None:
        self._service, self._transport = service, transport
        self._redis: Any = service.frontier.redis

    async def keep(self, result: Result) -> None:
        """Store the master's own fields of a result.

        Raises TransportError while the frontier cannot be written to.
        """
        body = json.loads(result.body)
        run, key = parts(result.id)
        own = json.dumps({name: body[name] for name in KEPT_FIELDS}, ensure_ascii=False, separators=(",", ":"))
        name = self._key(run)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(name, key, own)
                pipe.expire(name, int(self._service.config.retention) + 1)
                await pipe.execute()
        except RedisError as error:
            raise TransportError(str(error)) from error

    async def find(self, identity: str) -> dict[str, Any] | None:
        """Return the result with that id, None unless it was published and is still kept.

        Raises InvalidInput, RecordsError and RedisError.
        """
        run, key = parts(identity)
        record = await self._redis.hget(self._key(run), key)
        if record is None:
            return None
        own = json.loads(record)
        described = await self._service.describe(own["job"], own["run"], own["state"])
        return {"id": identity, **own, **described}

    async def only_task(self, run: int) -> dict[str, Any]:
        """Return the id of the result and the master's own fields, if one message led to the run.

        Raises RedisError.
        """
        for kind in ("answered", "tasks"):
            if task := await only_task(self._redis, self._transport, run, kind):
                own = json.loads(task[1])
                return {"id": f"{run}-{task[0][:KEY_LENGTH].decode()}", **{name: own[name] for name in TASK_FIELDS}}
        return {}

    def _key(self, run: str) -> str:
        return f"{PREFIX}answered:{run}:{self._transport}"


def run_of(identity: str) -> int:
    """Return the run that a message led to, by the id of its result.

    Raises InvalidInput.
    """
    return int(parts(identity)[0])


def parts(identity: str) -> tuple[str, str]:
    """Return the number of the run and the key of the task."""
    if not (match := RESULT_ID.fullmatch(identity)):
        raise InvalidInput(f"not a result id: {identity[:100]!r}")
    return match[1], match[2]
