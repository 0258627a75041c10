"""What has failed is repeated, with pauses that grow."""

from __future__ import annotations

from itertools import islice

import pytest

from pdfspider.retrying import pauses, retry, until


class Call:
    """Fails with these errors, one after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = iter(errors)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        if error := next(self._errors, None):
            raise error
        return "answer"


def test_pauses_double_up_to_the_longest() -> None:
    assert list(islice(pauses(0.5, 3), 5)) == [0.5, 1, 2, 3, 3]
    assert list(islice(pauses(2, 2), 3)) == [2, 2, 2]


async def test_what_passes_is_repeated() -> None:
    told: list[tuple[str, float]] = []
    call = Call(OSError("a"), OSError("b"))

    def goes_on(error: OSError, pause: float) -> bool:
        told.append((str(error), pause))
        return True

    assert await retry(call, pauses(0.001, 0.002), on=OSError, goes_on=goes_on) == "answer"
    assert told == [("a", 0.001), ("b", 0.002)]


async def test_what_does_not_pass_is_raised() -> None:
    call = Call(OSError("a"), ValueError("b"))
    with pytest.raises(ValueError, match="b"):
        await retry(call, pauses(0.001, 0.001), on=OSError, goes_on=lambda *_: True)
    call = Call(OSError("a"), OSError("b"))
    with pytest.raises(OSError, match="b"):
        await retry(call, pauses(0.001, 0.001), on=OSError, goes_on=lambda *_: call.count < 2)


async def test_there_is_an_end_to_it() -> None:
    call = Call(*[OSError("a")] * 3)
    with pytest.raises(OSError, match="a"):
        await retry(call, pauses(400, 400), on=OSError, goes_on=until(300))
    assert call.count == 1
