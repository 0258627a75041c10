"""A master on a Redis of its own habits: says in which exceptions its tasks end that cannot be run."""

import sys

from celery import Celery, chord, group

url = sys.argv[1]
app = Celery("masters", broker=url, backend=url)
app.conf.broker_transport_options = {"global_keyprefix": "app:", "priority_steps": [0, 1, 2], "sep": ":"}
app.conf.result_backend_transport_options = {"global_keyprefix": "results"}


@app.task(name="any.other")
def other(*numbers):
    """Is unknown where it should run."""


def tell(name, result):
    try:
        result.get(timeout=60)
    except Exception as error:
        print(name, type(error).__name__, error)


tell("task", other.apply_async([1], priority=2))
tell("late", other.apply_async([1], expires=-1))
chain = (other.si(1) | other.si(2) | other.si(3)).apply_async()
for part in (chain, chain.parent, chain.parent.parent):
    tell("chain", part)
tell("group", group(other.si(1) | other.si(2), other.si(3) | other.si(4)).apply_async())
tell("chord", chord([other.si(1)], other.s()).apply_async())
