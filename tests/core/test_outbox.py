"""Effects from intent to proof, on both engines."""

from __future__ import annotations

import pytest

from core import channels, outbox, reconcile
from core.clock import ManualClock
from core.db import Database, Tx
from core.outbox import Effect, Priority, Row

CARD = Effect("T", "alerts", "ticket:1", "card")


def reply(event: int, parent: str, ref: str = "ticket:1") -> Effect:
    return Effect("T", "alerts", ref, "reply", source_event=event, parent_key=parent)


async def next_of(db: Database, blocked: tuple[str, ...] = ()) -> Row | None:
    return await db.read(outbox.next_pending, "alerts", blocked)


async def row_of(db: Database, key: str) -> Row:
    found = await db.read(outbox.get, key)
    assert found is not None
    return found


async def send(db: Database, key: str, ts: str = "1.0", shown: str = "d") -> None:
    row = await row_of(db, key)
    assert await db.write(outbox.begin, row, 1)
    await db.write(outbox.sent, key, ts, shown)


async def test_an_effect_intended_twice_is_one_row(db: Database) -> None:
    first = await db.write(outbox.post, CARD)
    assert await db.write(outbox.post, CARD) == first
    await send(db, first)
    assert await next_of(db) is None


async def test_a_key_never_depends_on_content_and_differs_in_everything_else(db: Database) -> None:
    changed = [
        Effect("U", "alerts", "ticket:1", "card"),
        Effect("T", "other", "ticket:1", "card"),
        Effect("T", "alerts", "ticket:2", "card"),
        Effect("T", "alerts", "ticket:1", "page"),
        Effect("T", "alerts", "ticket:1", "card", source_event=1),
    ]
    assert len({e.key() for e in [CARD, *changed]}) == 6
    assert Effect("T", "alerts", "ticket:1", "card", data={"x": 1}).key() == CARD.key()
    assert CARD.key(1) != CARD.key(0)


async def test_people_go_first_then_pages_then_the_order_of_intent(db: Database) -> None:
    kinds = [Priority.UPKEEP, Priority.NEWS, Priority.PAGE, Priority.HUMAN, Priority.NEWS]
    for n, priority in enumerate(kinds):
        await db.write(outbox.post, Effect("T", "alerts", f"x:{n}", "card", priority))
    seen = []
    while (row := await next_of(db)) is not None:
        seen.append(row.ref)
        await send(db, row.key)
    assert seen == ["x:3", "x:2", "x:1", "x:4", "x:0"]


async def test_a_reply_waits_for_its_root_and_for_what_was_said_before_it(
    db: Database, clock: ManualClock
) -> None:
    root = await db.write(outbox.post, CARD)
    first = await db.write(outbox.post, reply(1, root))
    second = await db.write(outbox.post, reply(2, root))
    found = await next_of(db)
    assert found is not None
    assert found.key == root
    await send(db, root)
    row = await row_of(db, first)
    assert await db.write(outbox.begin, row, 1)
    await db.write(reconcile.not_sent, first, "no connection", clock.now().timestamp() + 5)
    assert await next_of(db) is None
    await clock.advance(5)
    await send(db, first)
    found = await next_of(db)
    assert found is not None
    assert found.key == second


@pytest.mark.parametrize(("blocked", "left"), [("post", "edit"), ("edit", "post")])
async def test_an_empty_bucket_leaves_the_other_kind_to_go_on(
    db: Database, clock: ManualClock, blocked: str, left: str
) -> None:
    old = await db.write(outbox.post, CARD)
    await send(db, old)
    await db.write(outbox.want_again, old, due_at=clock.now().timestamp(), priority=Priority.HUMAN)
    new = await db.write(outbox.post, Effect("T", "alerts", "ticket:2", "card"))
    found = await next_of(db, (blocked,))
    assert found is not None
    assert found.key == {"edit": old, "post": new}[left]


async def test_edits_that_nobody_waits_for_leave_the_last_tokens_to_people(
    db: Database, clock: ManualClock
) -> None:
    key = await db.write(outbox.post, CARD)
    await send(db, key)
    now = clock.now().timestamp()
    await db.write(outbox.want_again, key, due_at=now, priority=Priority.UPKEEP)
    await clock.advance(3)
    assert await next_of(db, ("upkeep",)) is None
    await db.write(outbox.want_again, key, due_at=now, priority=Priority.HUMAN)
    assert await next_of(db, ("upkeep",)) is not None


async def test_several_wishes_are_one_edit_and_only_a_person_brings_it_forward(
    db: Database, clock: ManualClock
) -> None:
    key = await db.write(outbox.post, CARD)
    await send(db, key)
    now = clock.now().timestamp()
    await db.write(outbox.want_again, key, due_at=now + 5, priority=Priority.UPKEEP)
    await db.write(outbox.want_again, key, due_at=now + 9, priority=Priority.UPKEEP)
    assert (await row_of(db, key)).due_at == now + 5
    await db.write(outbox.want_again, key, due_at=now, priority=Priority.HUMAN)
    row = await row_of(db, key)
    assert (row.due_at, row.priority, row.state) == (now, 0, "pending")


async def test_automatic_edits_of_one_message_keep_their_distance(
    db: Database, clock: ManualClock
) -> None:
    key = await db.write(outbox.post, CARD)
    await send(db, key)
    now = clock.now().timestamp()
    await db.write(outbox.want_again, key, due_at=now, priority=Priority.NEWS)
    assert (await row_of(db, key)).due_at == now + outbox.EDIT_SPACING_S


async def test_a_wish_while_it_is_being_sent_is_an_edit_afterwards(
    db: Database, clock: ManualClock
) -> None:
    key = await db.write(outbox.post, CARD)
    await db.write(outbox.begin, await row_of(db, key), 1)
    now = clock.now().timestamp()
    await db.write(outbox.want_again, key, due_at=now + 5, priority=Priority.UPKEEP)
    await db.write(outbox.want_again, key, due_at=now, priority=Priority.HUMAN)
    assert (await row_of(db, key)).state == "sending"
    await db.write(outbox.sent, key, "1.0", "d")
    row = await row_of(db, key)
    assert (row.state, row.due_at, row.priority) == ("pending", now, 0)


async def test_only_one_of_two_senders_gets_a_row(db: Database) -> None:
    key = await db.write(outbox.post, CARD)
    row = await row_of(db, key)
    assert await db.write(outbox.begin, row, 1)
    assert not await db.write(outbox.begin, row, 2)


async def test_what_an_earlier_holder_left_under_way_is_looked_up_after_the_settle_time(
    db: Database, clock: ManualClock
) -> None:
    key = await db.write(outbox.post, CARD)
    await db.write(outbox.begin, await row_of(db, key), 1)
    now = clock.now().timestamp()
    assert await db.write(reconcile.recover, 1, now + 2) == 0
    assert await db.write(reconcile.recover, 2, now + 2) == 1
    assert await db.read(reconcile.ambiguous_due, "alerts") == []
    assert await db.read(channels.next_due_at, "alerts") == now + 2
    await clock.advance(2)
    # Whoever looked a moment too early must not sleep over it.
    assert await db.read(channels.next_due_at, "alerts") == now + 2
    (row,) = await db.read(reconcile.ambiguous_due, "alerts")
    assert row.key == key
    await db.write(reconcile.back_to_pending, key)
    assert await next_of(db) is not None


async def test_a_wish_does_not_put_off_looking_up_what_is_in_doubt(
    db: Database, clock: ManualClock
) -> None:
    key = await db.write(outbox.post, CARD)
    await db.write(outbox.begin, await row_of(db, key), 1)
    now = clock.now().timestamp()
    await db.write(reconcile.ambiguous, key, "timeout", now + 2)
    await db.write(outbox.want_again, key, due_at=now + 60, priority=Priority.UPKEEP)
    assert (await row_of(db, key)).due_at == now + 2
    await db.write(outbox.sent, key, "1.0", None)
    assert (await row_of(db, key)).state == "pending"


async def test_roots_in_doubt_come_before_their_replies(db: Database) -> None:
    root = await db.write(outbox.post, CARD)
    await send(db, root)
    answer = await db.write(outbox.post, reply(1, root))
    other = await db.write(outbox.post, Effect("T", "alerts", "ticket:2", "card"))
    for key in (answer, other):
        await db.write(outbox.begin, await row_of(db, key), 1)
        await db.write(reconcile.ambiguous, key, "reset", 0.0)
    assert [r.key for r in await db.read(reconcile.ambiguous_due, "alerts")] == [other, answer]


async def test_a_vanished_message_is_anchored_anew_once_and_takes_its_thread_along(
    db: Database,
) -> None:
    root = await db.write(outbox.post, CARD)
    await send(db, root)
    answer = await db.write(outbox.post, reply(1, root))
    anew = await db.write(reconcile.anchor_anew, await row_of(db, root))
    assert anew == CARD.key(1)
    assert (await row_of(db, answer)).parent_key == anew
    assert (await row_of(db, anew)).ts is None
    assert await db.write(reconcile.anchor_anew, await row_of(db, anew)) is None


async def test_giving_up_a_root_gives_up_what_was_to_appear_under_it(db: Database) -> None:
    root = await db.write(outbox.post, CARD)
    answer = await db.write(outbox.post, reply(1, root))
    await db.write(reconcile.park, root, "invalid_blocks")
    assert (await row_of(db, answer)).state == "parked"
    assert (await db.read(channels.backlog)).parked == 2


async def test_the_backlog_counts_what_is_due_and_its_age(db: Database, clock: ManualClock) -> None:
    await db.write(outbox.post, CARD)
    later = Effect("T", "alerts", "ticket:2", "card", due_at=clock.now().timestamp() + 100)
    await db.write(outbox.post, later)
    await clock.advance(30)
    waiting = await db.read(channels.backlog)
    assert (waiting.rows, waiting.oldest_s) == (1, 30.0)


async def test_what_is_due_is_found_through_its_index(sqlite_db: Database) -> None:
    """A history of delivered messages must not make choosing the next one slower."""

    def plan(tx: Tx) -> str:
        seen: list[str] = []
        run = tx.conn.exec_driver_sql
        for _, statement, values in _statements(tx, outbox.next_pending):
            seen += [str(row) for row in run(f"EXPLAIN QUERY PLAN {statement}", values)]
        return " ".join(seen)

    assert "outbox_due" in await sqlite_db.read(plan)


def _statements(tx: Tx, look: object) -> list[tuple[str, str, object]]:
    import sqlalchemy as sa

    caught: list[tuple[str, str, object]] = []

    def listen(_c: object, _cur: object, statement: str, values: object, *_: object) -> None:
        caught.append(("", statement, values))

    sa.event.listen(tx.conn, "before_cursor_execute", listen)
    look(tx, "alerts")  # type: ignore[operator]  # a store function
    sa.event.remove(tx.conn, "before_cursor_execute", listen)
    return caught
