"""Everything is looked through in time, and by nobody else."""

from __future__ import annotations

import asyncio
import gc
import weakref

from core import garbage
from core.clock import ManualClock
from core.courtesy import Courtesy
from core.tasks import Tasks


class _Knot:
    def __init__(self) -> None:
        self.itself = self


async def test_old_garbage_goes_when_it_is_time_and_not_before(clock: ManualClock) -> None:
    before = gc.get_threshold()
    tasks = Tasks(lambda *_: None)
    tasks.start("tidy", garbage.tidy(clock, Courtesy()))
    await asyncio.sleep(0)
    assert gc.get_threshold() == (before[0], before[1], garbage.NEVER)

    knot = _Knot()
    gc.collect()  # it is among the old now
    gone = weakref.ref(knot)
    del knot
    await clock.advance(garbage.EVERY_S - 1)
    assert gone() is not None
    await clock.advance(1)
    assert gone() is None

    await tasks.cancel()
    assert gc.get_threshold() == before
