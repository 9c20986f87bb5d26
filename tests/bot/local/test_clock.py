"""The workspace's clock, and many deadlines on one sleeping task."""

from __future__ import annotations

import asyncio

from bot.local.clock import ManualClock, SystemClock, Timers


async def test_timers_ring_at_their_own_instants_in_order():
    clock, rung = ManualClock(), []
    timers = Timers(clock)
    for seconds in (5, 1, 3):
        timers.after(seconds, lambda s=seconds: rung.append((s, clock.monotonic())))
    await clock.advance(4)
    assert rung == [(1, 1.0), (3, 3.0)]
    await clock.advance(4)
    assert rung[-1] == (5, 5.0)
    await timers.close()


async def test_an_earlier_deadline_shortens_the_nap():
    clock, rung = ManualClock(), []
    timers = Timers(clock)
    timers.after(100, lambda: rung.append("late"))
    await clock.advance(1)
    timers.after(1, lambda: rung.append("soon"))
    await clock.advance(2)
    assert rung == ["soon"]
    await timers.close()


async def test_a_cancelled_timer_does_not_ring():
    clock, rung = ManualClock(), []
    timers = Timers(clock)
    timers.after(1, lambda: rung.append(1)).cancel()
    timers.after(2, lambda: rung.append(2))
    await clock.advance(3)
    assert rung == [2]
    await timers.close()


async def test_timers_run_on_the_real_clock_too():
    rung = asyncio.Event()
    timers = Timers(SystemClock())
    timers.after(0.01, rung.set)
    await asyncio.wait_for(rung.wait(), 5)
    await timers.close()


async def test_a_timer_set_by_a_timer_rings_within_the_same_advance():
    clock, rung = ManualClock(), []
    timers = Timers(clock)
    timers.after(1, lambda: timers.after(1, lambda: rung.append(clock.monotonic())))
    await clock.advance(5)
    assert rung == [2.0]
    await timers.close()
