"""The card of a run is edited live, and never keeps the card of what it broke waiting."""

from __future__ import annotations

from bot import delivery_runs
from bot.routes import Routes
from core import outbox
from core.clock import ManualClock
from core.db import Database, Tx
from core.events import Event
from core.outbox import Effect, Priority, Row

CHANNEL = "storage-alerts"
ROUTES = Routes((), CHANNEL, CHANNEL)


def told(tx: Tx, number: int, kind: str) -> None:
    event = Event(number, tx.now, kind, "prod", None, None, {"run_id": 7})
    delivery_runs.tell(tx, "T", ROUTES, event)


async def next_of(db: Database) -> Row | None:
    return await db.read(outbox.next_pending, CHANNEL)


async def send(db: Database) -> str:
    row = await next_of(db)
    assert row is not None
    assert await db.write(outbox.begin, row, 1)
    await db.write(outbox.sent, row.key, str(row.seq), "d")
    return row.kind


async def test_a_stage_shows_at_once_though_the_card_was_edited_just_now(db: Database) -> None:
    await db.write(told, 1, "run.created")
    assert await send(db) == "run"
    for number in (2, 3):
        await db.write(told, number, "run.stage")
        assert await send(db) == "run"
    assert await next_of(db) is None


async def test_the_card_of_what_it_broke_goes_first(db: Database, clock: ManualClock) -> None:
    await db.write(told, 1, "run.created")
    assert await send(db) == "run"
    await db.write(told, 2, "run.stage")
    await db.write(
        outbox.post, Effect("T", CHANNEL, "ticket:1", "card", Priority.PAGE, due_at=None)
    )
    await db.write(told, 3, "run.detected")
    assert [await send(db), await send(db)] == ["card", "run"]


async def test_the_first_card_of_a_run_is_for_the_person_who_asked(db: Database) -> None:
    await db.write(
        outbox.post, Effect("T", CHANNEL, "ticket:1", "card", Priority.PAGE, due_at=None)
    )
    await db.write(told, 1, "run.created")
    assert [await send(db), await send(db)] == ["run", "card"]
