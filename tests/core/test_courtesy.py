"""The program's own work pauses for people, and never for good."""

from __future__ import annotations

import asyncio
import threading

from core.courtesy import Courtesy, Patience


async def test_work_waits_until_nobody_is_served() -> None:
    courtesy = Courtesy(30.0)
    with courtesy.serving():
        with courtesy.serving():
            waiting = asyncio.create_task(courtesy.make_room())
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert courtesy.busy
        assert not waiting.done()
    await waiting

    assert not courtesy.busy
    await courtesy.make_room()


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
    courtesy = Courtesy(0.001)
    with courtesy.serving():
        await courtesy.make_room()


class _Served(threading.Event):
    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return super().wait(timeout)


def test_a_piece_of_work_pauses_for_so_long_in_all() -> None:
    served = _Served()
    patience = Patience(served, 0.005)
    for _ in range(100):
        patience.pause(30.0)

    assert 1 <= served.waits <= 3
