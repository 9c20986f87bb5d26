"""Experiments that come by themselves: on time, inside their hours, never late."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core import events, lock
from core.chaos import schedule
from core.chaos.catalog.read import Catalog
from core.chaos.order import Known, Rules
from core.chaos.settings import SubjectChaos
from core.clock import ManualClock
from core.db import Database
from core.errors import Invalid, NotFound, Refused
from core.runs import store
from tests.core.chaos.rig import KILL, rig

OPEN = SubjectChaos(enabled=True, drivers=("pd",))
RULES = Rules(
    Catalog({"kill-store": KILL}),
    subjects={"prod": Known("scripted", OPEN), "shut": Known("scripted")},
)
HOURLY = {"name": "kill-store", "cron": "0 * * * *", "by": "slack:U1"}


def utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%a %H:%M")


async def due(db: Database, clock: ManualClock) -> int:
    epoch = await lock.take_epoch(db, "test")
    return await schedule.tick(db, epoch, RULES)


async def test_a_plan_orders_its_experiment_when_it_is_due_and_only_then(
    db: Database, clock: ManualClock
) -> None:
    plan = await db.write(schedule.add, RULES, **HOURLY, target="store:2", duration_s=5.0)
    assert utc(plan.next_at) == "Mon 10:00"

    await clock.advance(3599)
    assert await due(db, clock) == 0
    await clock.advance(1.5)
    assert await due(db, clock) == 1
    assert await due(db, clock) == 0

    (run,) = await db.read(store.listing)
    assert (run.name, run.target, run.requested_by) == ("kill-store", "store:2", "slack:U1")
    assert run.data["duration_s"] == 5.0
    (again,) = await db.read(schedule.listing)
    assert utc(again.next_at) == "Mon 11:00"


async def test_one_that_was_missed_says_so_and_is_skipped(db: Database, clock: ManualClock) -> None:
    await db.write(schedule.add, RULES, **HOURLY)
    await clock.advance(3600 + schedule.LATE_S + 1)

    assert await due(db, clock) == 1

    assert await db.read(store.listing) == []
    (told,) = [e for e in await db.read(events.since, 0) if e.kind == "run.missed"]
    assert told.subject == "prod"
    assert "nobody was there to run it then" in told.data["why"]
    assert (told.data["name"], told.data["cron"]) == ("kill-store", "0 * * * *")
    (plan,) = await db.read(schedule.listing)
    assert utc(plan.next_at) == "Mon 11:00"


async def test_a_program_that_was_down_for_days_tells_of_one_missed_run_not_of_each(
    db: Database, clock: ManualClock
) -> None:
    await db.write(schedule.add, RULES, **HOURLY)
    await clock.advance(3 * 86400)
    async with rig(db, clock) as world:
        end = time.monotonic() + 10.0
        told: list[str] = []
        while not told and time.monotonic() < end:
            await clock.advance(1.0)
            await asyncio.sleep(0.01)
            found = await db.read(events.since, 0)
            told = [e.kind for e in found if e.kind.startswith("run.")]
        assert world.driver.calls == []
    assert told == ["run.missed"]


async def test_hours_are_kept_in_the_named_zone(db: Database, clock: ManualClock) -> None:
    plan = await db.write(
        schedule.add, RULES, **HOURLY, zone_name="America/New_York", hours=(9, 11)
    )

    # 9:00 in New York is 14:00 UTC in January.
    assert utc(plan.next_at) == "Mon 14:00"
    third = schedule.following(plan.cron, plan.zone, plan.hours, plan.next_at + 3601)
    assert utc(third) == "Tue 14:00"
    assert plan.hours_text == "9-11"


@pytest.mark.parametrize(
    ("cron", "hours", "after", "comes"),
    [
        ("* * * * *", (9, 10), "2026-01-05 09:59", "2026-01-06 09:00"),
        ("*/5 * 1 * *", (23, 24), "2026-01-05 09:00", "2026-02-01 23:00"),
        # The clocks go forward at two: that hour does not come on this day.
        ("*/5 * * * *", (2, 3), "2026-03-28 02:55", "2026-03-30 02:00"),
        # And back at three: two o'clock comes twice.
        ("30 * * * *", (3, 4), "2026-10-24 03:30", "2026-10-25 03:30"),
    ],
)
def test_what_lies_outside_the_hours_is_passed_over(
    cron: str, hours: tuple[int, int], after: str, comes: str
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime.fromisoformat(after).replace(tzinfo=berlin).timestamp()

    found = schedule.following(cron, "Europe/Berlin", hours, start)

    assert datetime.fromtimestamp(found, berlin).strftime("%Y-%m-%d %H:%M") == comes


async def test_one_that_cannot_be_ordered_says_why(db: Database, clock: ManualClock) -> None:
    await db.write(schedule.add, RULES, **HOURLY)
    await db.write(
        store.create,
        kind="chaos",
        subject="prod",
        name="other",
        target="",
        requested_by="x",
        data={},
    )
    await clock.advance(3601)

    await due(db, clock)

    (told,) = [e for e in await db.read(events.since, 0) if e.kind == "run.missed"]
    assert "other (run 1) is under way" in told.data["why"]
    assert len(await db.read(store.listing)) == 1


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"cron": "0 * * *"}, Invalid, "five fields"),
        ({"cron": "0 0 31 2 *"}, Invalid, "never comes"),
        ({"cron": "* * * * *"}, Invalid, "comes too often"),
        # It is nine o'clock: a day lies between 9:01 and the next, a minute after that.
        ({"cron": "0,1 9 * * *"}, Invalid, "comes too often"),
        ({"cron": "0 3 * * *", "hours": (9, 17)}, Invalid, "never comes between 9 and 17 h"),
        ({"hours": (17, 9)}, Invalid, "the earlier first"),
        ({"zone_name": "Mars/Olympus"}, Invalid, "no time zone"),
        ({"name": "nope"}, NotFound, "no experiment"),
        ({"subject": "nope"}, NotFound, "no subject"),
        ({"duration_s": 9999.0}, Refused, "At most"),
    ],
)
async def test_a_plan_that_could_never_run_is_refused(
    db: Database, how: dict, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        await db.write(schedule.add, RULES, **{**HOURLY, **how})

    assert await db.read(schedule.listing) == []


async def test_a_plan_that_was_taken_away_does_not_come(db: Database, clock: ManualClock) -> None:
    first = await db.write(schedule.add, RULES, **HOURLY)
    second = await db.write(schedule.add, RULES, **HOURLY)
    assert (await db.write(schedule.remove, first.number)).number == first.number

    with pytest.raises(NotFound, match=f"there is {second.number} \\(kill-store\\)"):
        await db.write(schedule.remove, first.number)
    await db.write(schedule.remove, second.number)
    await clock.advance(7200)
    assert await due(db, clock) == 0
