"""What one person wants to see at a glance."""

from __future__ import annotations

from core.clock import ManualClock
from core.db import Database, Tx
from core.invariant import Broken, Severity, Violation
from core.tickets import glance, settle, store
from core.tickets.plan import Opening, Plan

ANA, BEN = "slack:U1", "slack:U2"


def opened(tx: Tx) -> list[int]:
    ids: dict[str, int] = {}
    found = Broken("down", "down")
    kinds = (Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL, Severity.INFO)
    opens = [
        Opening(
            Violation("prod" if n else "staging", "x", str(n), kind, found, 0.0, 1.0, 0.0),
            None,
            False,
            None,
        )
        for n, kind in enumerate(kinds)
    ]
    settle.write(tx, Plan(opens=opens), "prod", ids, last=True)
    return sorted(ids.values())


async def test_counts_leave_out_what_is_resolved(db: Database) -> None:
    ids = await db.write(opened)
    await db.write(store.resolve, ids[3], ANA, anyway=True)
    await db.write(store.acknowledge, ids[0], ANA)
    by_severity = await db.read(glance.open_by_severity)
    assert by_severity == {Severity.WARNING: 1, Severity.CRITICAL: 2}
    assert await db.read(glance.unowned) == 2


async def test_mine_are_those_that_i_own_or_hold_worst_first(db: Database) -> None:
    ids = await db.write(opened)
    await db.write(store.acknowledge, ids[0], ANA)
    await db.write(store.hold, ids[1], ANA)
    await db.write(store.acknowledge, ids[2], BEN)
    assert [t.id for t in await db.read(glance.of_actor, ANA, 10)] == [ids[1], ids[0]]
    assert [t.id for t in await db.read(glance.of_actor, ANA, 1)] == [ids[1]]


async def test_holds_that_end_soon_come_soonest_first(db: Database, clock: ManualClock) -> None:
    ids = await db.write(opened)
    now = clock.now().timestamp()
    await db.write(store.hold, ids[0], ANA, until=now + 600)
    await db.write(store.hold, ids[1], ANA, until=now + 300)
    await db.write(store.hold, ids[2], ANA, until=now + 9000)
    await db.write(store.hold, ids[3], ANA)
    assert [t.id for t in await db.read(glance.holds_ending, now + 3600, 10)] == [ids[1], ids[0]]
