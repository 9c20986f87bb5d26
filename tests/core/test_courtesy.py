"""The program's own work pauses for people, and never for good."""

from __future__ import annotations

import asyncio

from core.courtesy import Courtesy


async def test_work_waits_until_nobody_is_served() -> None:
    courtesy = Courtesy()
    with courtesy.serving():
        with courtesy.serving():
            waiting = asyncio.create_task(courtesy.make_room(30.0))
        await asyncio.sleep(0)
        assert courtesy.busy
        assert not waiting.done()
    await waiting

    assert not courtesy.busy
    await courtesy.make_room(30.0)


async def test_work_in_a_thread_waits_until_nobody_is_served() -> None:
    courtesy = Courtesy()
    with courtesy.serving():
        patience = courtesy.patience(30.0)
        waiting = asyncio.create_task(asyncio.to_thread(patience.pause, 30.0))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
    patience.pause(30.0)


async def test_no_work_waits_for_ever() -> None:
    courtesy = Courtesy()
    with courtesy.serving():
        await courtesy.make_room(0.001)
        patience = courtesy.patience(0.01)
        for _ in range(1000):
            await asyncio.to_thread(patience.pause, 0.001)
