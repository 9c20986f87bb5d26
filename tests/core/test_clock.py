"""Time moves only when told to, and wakes sleepers in their order."""

from __future__ import annotations

import asyncio
import gc

import pytest

from core.clock import ManualClock, SystemClock, within


async def test_sleepers_wake_in_the_order_of_their_deadlines(clock: ManualClock) -> None:
    woken: list[tuple[str, float]] = []
    start = clock.monotonic()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic() - start))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("late", 5))
        group.create_task(sleeper("early", 2))
        await asyncio.sleep(0)
        await clock.advance(10)

    assert woken == [("early", 2), ("late", 5)]


async def test_a_step_of_the_wall_clock_wakes_nobody(clock: ManualClock) -> None:
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)

    clock.step_wall(3600)
    await asyncio.sleep(0)

    assert not task.done()
    await clock.advance(5)
    assert task.done()


async def test_within_gives_up_on_the_clock_it_was_given(clock: ManualClock) -> None:
    cancelled = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    waiting = asyncio.create_task(within(clock, 3, forever()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await clock.advance(3)

    with pytest.raises(TimeoutError):
        await waiting
    assert cancelled == [True]
    assert clock.sleepers == 0


async def test_within_returns_what_the_work_returns_and_leaves_no_bell() -> None:
    clock = ManualClock()

    async def quick() -> int:
        return 7

    assert await within(clock, 3, quick()) == 7
    assert clock.sleepers == 0


async def test_the_machines_clock_is_aware_and_monotonic() -> None:
    clock = SystemClock()
    before = clock.monotonic()

    await clock.sleep(0)

    assert clock.now().utcoffset() is not None
    assert clock.monotonic() >= before


async def test_a_failure_in_the_moment_of_our_own_end_is_not_left_lying_about(
    clock: ManualClock,
) -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))
    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(within(clock, 3, failing))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    failing.set_exception(ValueError("it broke"))
    waiting.cancel()
    # Nothing may hold on to the traceback: it is by its end that a future complains.
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    del failing, waiting
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []
