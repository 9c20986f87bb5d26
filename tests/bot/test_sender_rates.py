"""The pace of calls: bursts, refills, pauses, and what is kept for people."""

from __future__ import annotations

from bot.sender_rates import EDIT_BURST, POST_BURST, Rates
from core.clock import ManualClock


async def passed(rates: Rates, clock: ManualClock, seconds: float, what: str) -> int:
    """How many calls of a kind go out in that time if there is always one waiting."""
    n = 0
    for _ in range(int(seconds / 0.1)):
        while what not in rates.blocked("alerts"):
            rates.spend("alerts", edit=what != "post")
            rates.ended("alerts", edit=what != "post")
            n += 1
        await clock.advance(0.1)
    return n


async def test_posts_come_in_a_short_burst_and_then_one_a_second() -> None:
    clock = ManualClock()
    assert await passed(Rates(clock), clock, 60, "post") <= 60 + POST_BURST
    assert await passed(Rates(clock), clock, 60, "post") >= 50


async def test_channels_do_not_slow_each_other_down() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    while "post" not in rates.blocked("alerts"):
        rates.spend("alerts", edit=False)
    assert "post" not in rates.blocked("ops")


async def test_no_minute_has_more_than_forty_five_edits() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    first = await passed(rates, clock, 60, "edit")
    assert EDIT_BURST < first <= 45
    assert await passed(rates, clock, 60, "edit") <= 45


async def test_the_last_edits_are_kept_for_people() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    while "upkeep" not in rates.blocked("alerts"):
        rates.spend("alerts", edit=True)
    left = 0
    while "edit" not in rates.blocked("alerts"):
        rates.spend("alerts", edit=True)
        left += 1
    assert left == 4


async def test_a_refusal_pauses_its_own_bucket_and_ends_its_bursts() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    rates.limited("alerts", 30, edit=False)
    assert rates.blocked("alerts") == {"post": 30.0}
    assert rates.blocked("ops") == {}
    await clock.advance(30)
    assert rates.blocked("alerts") == {}
    rates.spend("alerts", edit=False)
    await clock.advance(30)
    rates.spend("alerts", edit=False)
    assert "post" in rates.blocked("alerts")


async def test_a_call_that_took_long_counts_from_its_end() -> None:
    clock = ManualClock()
    rates = Rates(clock)
    rates.limited("alerts", 0, edit=False)
    rates.spend("alerts", edit=False)
    await clock.advance(0.9)
    rates.ended("alerts", edit=False)
    await clock.advance(0.5)
    assert "post" in rates.blocked("alerts")
