"""Ticks keep their pace whatever they do, and cron work is due when a person would say so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from core.clock import ManualClock
from core.errors import Invalid
from core.schedule import every, next_due


async def _run(clock: ManualClock, seconds: float, loop: asyncio.Task[None]) -> None:
    await asyncio.sleep(0)
    for _ in range(int(seconds)):
        await clock.advance(1)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def test_a_tick_that_fails_is_told_and_the_next_one_comes(clock: ManualClock) -> None:
    ticks: list[int] = []
    failed: list[str] = []

    async def tick() -> None:
        ticks.append(1)
        if len(ticks) == 2:
            raise ValueError("sick")

    loop = asyncio.create_task(
        every(clock, lambda: 2.0, tick, lambda error: failed.append(str(error)))
    )
    await _run(clock, 9, loop)

    assert len(ticks) == 5
    assert failed == ["sick"]


async def test_a_tick_that_hangs_is_ended_at_its_limit(clock: ManualClock) -> None:
    failed: list[str] = []

    async def hang() -> None:
        await asyncio.Event().wait()

    loop = asyncio.create_task(
        every(clock, lambda: 1.0, hang, lambda e: failed.append(type(e).__name__), limit_s=3)
    )
    await _run(clock, 10, loop)

    assert failed == ["TimeoutError"] * 3


async def test_ticks_that_could_not_run_are_not_made_up_for(clock: ManualClock) -> None:
    ticks: list[float] = []

    async def tick() -> None:
        ticks.append(clock.monotonic())

    loop = asyncio.create_task(every(clock, lambda: 1.0, tick, lambda _: None))
    await asyncio.sleep(0)
    await clock.advance(0.5)
    clock._move_to(clock.monotonic() + 600)
    await _run(clock, 3, loop)

    assert len(ticks) <= 5


async def test_a_nudge_brings_the_next_tick_forward(clock: ManualClock) -> None:
    ticks: list[float] = []
    nudge = asyncio.Event()

    async def tick() -> None:
        ticks.append(clock.monotonic())
        nudge.clear()

    async def early() -> None:
        await nudge.wait()

    loop = asyncio.create_task(every(clock, lambda: 60.0, tick, lambda _: None, early=early))
    await asyncio.sleep(0)
    await clock.advance(1)
    nudge.set()
    await _run(clock, 2, loop)

    assert len(ticks) == 2


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_cron_is_read_in_its_own_time_zone_and_over_the_change_of_clocks() -> None:
    summer_ends = _at("2026-10-24T12:00:00")

    first = next_due("0 9 * * *", "Europe/Berlin", summer_ends)
    second = next_due("0 9 * * *", "Europe/Berlin", first)

    assert first == _at("2026-10-25T08:00:00")
    assert second == _at("2026-10-26T08:00:00")


def test_the_next_time_is_always_later_than_the_last() -> None:
    at = _at("2026-01-05T09:00:00")

    assert next_due("0 9 * * mon", "UTC", at) == at + 7 * 86400


@pytest.mark.parametrize(
    "bad", ["", "* * *", "61 * * * *", "0 9 * * 1", "0 0 31 feb *", "a b c d e"]
)
def test_a_cron_that_cannot_be_meant_is_invalid_in_words(bad: str) -> None:
    with pytest.raises(Invalid, match=r"."):
        next_due(bad, "UTC", _at("2026-01-05T09:00:00"))


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(Invalid, match="Mars/Base"):
        next_due("0 9 * * *", "Mars/Base", 0.0)
