from __future__ import annotations

import asyncio

import pytest

from core.clock import ManualClock
from core.errors import Unavailable
from core.subjects.sources import RETRY_S, Source, read_due
from core.tasks import Tasks


class Told:
    """What is read: an answer, an error, or nothing until it is released."""

    def __init__(self) -> None:
        self.answer: int | Exception = 1
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    async def read(self) -> int:
        self.asked += 1
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def lost(name: str, error: BaseException) -> None:
    FAILED.append((name, error))


FAILED: list[tuple[str, BaseException]] = []


def made(clock: ManualClock) -> tuple[Told, Source[int], Tasks]:
    told = Told()
    FAILED.clear()
    return told, Source("thing", 2.0, told.read, clock), Tasks(lost)


async def test_a_read_that_failed_is_tried_again_soon_however_seldom_it_is_due() -> None:
    clock, asked = ManualClock(), 0

    async def read() -> int:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Unavailable("not yet")
        return asked

    source = Source("placement", 60.0, read, clock)
    await source.read()
    assert not source.due(clock.monotonic())
    await clock.advance(RETRY_S)
    assert source.due(clock.monotonic())
    await source.read()
    await clock.advance(RETRY_S)
    assert not source.due(clock.monotonic())


async def test_a_source_is_asked_at_its_own_pace() -> None:
    clock = ManualClock()
    told, source, tasks = made(clock)
    for _ in range(9):
        await read_due([source], tasks, clock, 0.4)
        await clock.advance(0.5)
    assert told.asked == 3


async def test_a_source_that_hangs_is_waited_for_briefly_and_asked_once() -> None:
    clock = ManualClock()
    told, source, tasks = made(clock)
    told.gate.clear()
    waiting = asyncio.ensure_future(read_due([source], tasks, clock, 0.4))
    await clock.advance(0)
    await clock.advance(0.4)
    await waiting
    await clock.advance(10)
    await read_due([source], tasks, clock, 0.4)
    assert told.asked == 1
    assert source.reading(clock.monotonic(), 0.0).error == "no answer yet"
    told.gate.set()
    await tasks.drain()
    assert source.value == 1
    assert source.pace_s > 10


async def test_a_failure_keeps_the_last_answer_and_its_age() -> None:
    clock = ManualClock()
    told, source, tasks = made(clock)
    await read_due([source], tasks, clock, 0.4)
    told.answer = Unavailable("gone")
    await clock.advance(2)
    await read_due([source], tasks, clock, 0.4)
    reading = source.reading(clock.monotonic(), 1000.0)
    assert (reading.seen_at, reading.error, source.value) == (998.0, "gone", 1)
    told.answer = 2
    await clock.advance(2)
    await read_due([source], tasks, clock, 0.4)
    assert (source.value, source.error, source.stumbled) == (2, "", True)


async def test_a_bug_of_ours_counts_as_not_seen_and_is_not_swallowed() -> None:
    clock = ManualClock()
    told, source, tasks = made(clock)
    told.answer = KeyError("oops")
    await read_due([source], tasks, clock, 0.4)
    assert "KeyError" in source.error
    assert [name for name, _ in FAILED] == ["read thing"]


async def test_a_step_of_the_wall_clock_does_not_age_a_reading() -> None:
    clock = ManualClock()
    _, source, tasks = made(clock)
    await read_due([source], tasks, clock, 0.4)
    clock.step_wall(-3600)
    at = clock.now().timestamp()
    assert source.reading(clock.monotonic(), at).fresh(at)
    await clock.advance(4.1)
    at = clock.now().timestamp()
    assert not source.reading(clock.monotonic(), at).fresh(at)


@pytest.mark.parametrize("early_s", [0.0, 0.15])
async def test_a_tick_that_comes_a_little_early_still_reads(early_s: float) -> None:
    clock = ManualClock()
    told, source, tasks = made(clock)
    await read_due([source], tasks, clock, 0.4)
    await clock.advance(2.0 - early_s)
    await read_due([source], tasks, clock, 0.4)
    assert told.asked == 2
