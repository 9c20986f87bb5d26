"""Money is put aside before it is spent, and a crash in between leaves it put aside."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import lock
from core.clock import ManualClock
from core.db import Database, Fenced
from core.diagnosis import budget
from core.diagnosis.budget import Caps, Ledger
from core.diagnosis.claude.prices import Usage
from core.diagnosis.claude.task import Spent
from core.errors import Refused


async def ledger(db: Database, number: int | None = 1, one: int = 500, day: int = 1_000) -> Ledger:
    return Ledger(db, await lock.take_epoch(db, "test"), "prod", number, Caps(one, day))


def today(clock: ManualClock) -> str:
    return budget.day_of(clock.now().timestamp())


async def test_what_is_put_aside_counts_until_it_is_settled(
    db: Database, clock: ManualClock
) -> None:
    account = await ledger(db)
    first = await account.reserve("m", 400)
    assert await db.read(budget.spent_on, today(clock)) == 400
    with pytest.raises(Refused, match="for one diagnosis"):
        await account.reserve("m", 101)
    await account.settle(first, Spent(Usage(10, 5, 2, 1), 60, "ok"))
    assert await db.read(budget.spent_on, today(clock)) == 60
    # A second settling of the same changes nothing.
    await account.settle(first, Spent(Usage(), 1, "ok"))
    assert await db.read(budget.spent_for, 1) == 60
    await account.reserve("m", 440)


async def test_the_day_has_a_cap_for_all_together_and_begins_anew(
    db: Database, clock: ManualClock
) -> None:
    for number in (1, 2):
        await (await ledger(db, number)).reserve("m", 500)
    account = await ledger(db, 3)
    with pytest.raises(Refused, match="00:00 UTC"):
        await account.reserve("m", 1)
    await clock.advance(86_400)
    await account.reserve("m", 500)


async def test_a_crash_between_leaves_it_counted(db: Database, clock: ManualClock) -> None:
    await (await ledger(db)).reserve("m", 450)
    after = await ledger(db)
    assert await db.read(budget.spent_for, 1) == 450
    with pytest.raises(Refused):
        await after.reserve("m", 100)


async def test_who_is_not_the_holder_any_more_spends_nothing_and_still_accounts(
    db: Database, clock: ManualClock
) -> None:
    old = await ledger(db)
    number = await old.reserve("m", 300)
    await ledger(db)
    with pytest.raises(Fenced):
        await old.reserve("m", 1)
    await old.settle(number, Spent(Usage(1), 5, "ok"))
    assert await db.read(budget.spent_on, today(clock)) == 5


async def test_many_at_once_never_pass_the_cap(db: Database, clock: ManualClock) -> None:
    epoch = await lock.take_epoch(db, "test")

    async def one(number: int) -> int:
        account = Ledger(db, epoch, "prod", number, Caps(500, 1_000))
        try:
            await account.reserve("m", 90)
        except Refused:
            return 0
        return 90

    got = await asyncio.gather(*(one(n) for n in range(40)))
    assert sum(got) == 990
    assert await db.read(budget.spent_on, today(clock)) == 990


@settings(max_examples=50)
@given(st.integers(0, 10**9))
def test_money_is_written_for_people(micro: int) -> None:
    words = budget.dollars(micro)
    assert words.startswith("$")
    assert abs(float(words[1:].replace(",", "")) - micro / 1e6) <= 0.005
