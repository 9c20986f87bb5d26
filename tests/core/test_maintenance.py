"""Announced quiet: how it begins, changes and ends."""

from __future__ import annotations

import pytest

from core import events, maintenance, monitor
from core.clock import ManualClock
from core.db import Database, Tx
from core.errors import Invalid, NotFound

BY = "slack:U1"


async def kinds(db: Database) -> list[str]:
    return [e.kind for e in await db.read(events.since, 0) if e.kind.startswith("maint")]


def watch(tx: Tx, *names: str) -> None:
    for name in names:
        monitor._begin(tx, name, "tikv")


async def pause(db: Database, subject: str | None = None, for_s: float = 600.0) -> int:
    made = await db.write(maintenance.pause, subject, for_s=for_s, by=BY, reason=" a  reason ")
    assert made.reason == "a reason"
    return made.id


async def test_a_pause_is_in_effect_until_its_end(db: Database, clock: ManualClock) -> None:
    number = await pause(db)
    [running] = await db.read(maintenance.active)
    assert running.id == number
    assert running.covers("prod")
    assert not await db.read(maintenance.deadline_passed)
    await clock.advance(601)
    assert await db.read(maintenance.active) == []
    assert await db.read(maintenance.deadline_passed)
    assert await db.write(maintenance.end_expired) == 1
    assert await db.write(maintenance.end_expired) == 0
    assert await kinds(db) == ["maintenance.started", "maintenance.ended"]


async def test_a_pause_of_one_subject_covers_no_other(db: Database) -> None:
    await db.write(watch, "prod", "staging")
    await pause(db, "prod")
    [running] = await db.read(maintenance.active)
    assert running.covers("prod")
    assert not running.covers("staging")


async def test_pausing_again_moves_the_end_of_the_same_pause(
    db: Database, clock: ManualClock
) -> None:
    first = await pause(db)
    await clock.advance(300)
    assert await pause(db) == first
    [running] = await db.read(maintenance.active)
    assert running.until == clock.now().timestamp() + 600
    assert await kinds(db) == ["maintenance.started", "maintenance.changed"]


async def test_resuming_ends_one_or_all_and_may_be_repeated(db: Database) -> None:
    await db.write(watch, "prod")
    one, other = await pause(db), await pause(db, "prod")
    assert [m.id for m in await db.write(maintenance.resume, BY, one)] == [one]
    assert [m.id for m in await db.write(maintenance.resume, BY)] == [other]
    assert await db.write(maintenance.resume, BY) == []


async def test_what_a_pause_must_have(db: Database) -> None:
    for for_s, reason, words in (
        (600, " ", "needs a reason"),
        (0, "x", "in the future"),
        (8 * 3600 + 1, "x", "8 hours at most"),
    ):
        with pytest.raises(Invalid, match=words):
            await db.write(maintenance.pause, None, for_s=for_s, by=BY, reason=reason)
    with pytest.raises(NotFound, match=r"no subject called prod\. Watched now: none"):
        await db.write(maintenance.pause, "prod", for_s=60, by=BY, reason="x")
    assert await kinds(db) == []


async def test_the_interval_is_remembered_and_bounded(db: Database) -> None:
    assert await db.read(maintenance.interval_s) is None
    await db.write(maintenance.set_interval, 10.0, BY)
    await db.write(maintenance.set_interval, 20.0, BY)
    assert await db.read(maintenance.interval_s) == 20.0
    for seconds in (0.9, 300.1, float("inf"), float("nan")):
        with pytest.raises(Invalid, match="between 1s and 5m"):
            await db.write(maintenance.set_interval, seconds, BY)
