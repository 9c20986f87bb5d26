"""Where tickets are told, written in bulk, on both engines."""

from __future__ import annotations

import pytest

from core import events, gatherings, outbox, placements, reconcile
from core.clock import ManualClock
from core.db import Database, Tx
from core.errors import Invalid, NotFound
from core.invariant import Broken, Severity, Violation
from core.outbox import Effect
from core.tickets import deadlines, settle, store
from core.tickets.plan import Opening, Plan


def opened(
    tx: Tx,
    *names: str,
    severity: Severity = Severity.CRITICAL,
    adopted: bool = False,
    cause: int | None = None,
) -> list[int]:
    ids: dict[str, int] = {}
    plan = Plan(
        opens=[
            Opening(
                Violation(
                    "prod", "down", n, severity, Broken(f"{n} is down", "no answer"), 0.0, 1.0, 0.0
                ),
                None,
                adopted,
                cause,
            )
            for n in names
        ]
    )
    settle.write(tx, plan, "prod", ids, last=True)
    return list(ids.values())


def put_all(tx: Tx, place: str, ref: str) -> None:
    ids = [one.id for one in placements.unplaced(tx, "prod")]
    placements.put_new(tx, ids, "alerts", place, ref)


async def test_what_is_not_placed_is_found_until_it_is(db: Database) -> None:
    a, b = await db.write(opened, "a", "b")
    (c,) = await db.write(opened, "c", severity=Severity.WARNING, adopted=True, cause=a)
    found = await db.read(placements.unplaced, "prod")
    assert [tuple(one) for one in found] == [
        (a, "critical", False, None), (b, "critical", False, None), (c, "warning", True, a),
    ]  # fmt: skip
    await db.write(placements.put_new, [c], "alerts", "adoption", "adoption:1")
    assert [one.id for one in await db.read(placements.few_unplaced, "prod") or ()] == [a, b]
    assert await db.read(placements.unplaced, "other") == []


async def test_more_than_a_slice_is_not_few(sqlite_db: Database) -> None:
    names = [f"s{n}" for n in range(placements.SLICE)]
    await sqlite_db.write(lambda tx: opened(tx, *names))
    assert len(await sqlite_db.read(placements.few_unplaced, "prod") or ()) == placements.SLICE
    await sqlite_db.write(opened, "one more")
    assert await sqlite_db.read(placements.few_unplaced, "prod") is None


async def test_a_ticket_that_ended_untold_is_still_told_for_an_hour(
    db: Database, clock: ManualClock
) -> None:
    (number,) = await db.write(opened, "a")
    await db.write(store.resolve, number, "cli:ana", anyway=True)
    assert [one.id for one in await db.read(placements.unplaced, "prod")] == [number]
    await clock.advance(placements.LATELY_S + 1)
    assert await db.read(placements.unplaced, "prod") == []


async def test_symptoms_are_placed_where_their_cause_is(db: Database) -> None:
    (card,) = await db.write(opened, "a")
    await db.write(placements.put, [placements.Placement(card, "alerts", "card", "ticket:1", 0.0)])
    (joins,) = await db.write(opened, "b", cause=card)
    (orphan,) = await db.write(opened, "c", cause=999)
    assert await db.write(placements.put_symptoms, [joins, orphan]) == (1, [(card, joins)])
    placed = await db.read(placements.of, [card, joins, orphan])
    assert (placed[joins].place, placed[joins].ref) == ("episode", "ticket:1")
    assert orphan not in placed


async def test_a_symptom_of_a_storms_member_joins_the_storm(db: Database) -> None:
    (cause,) = await db.write(opened, "a")
    await db.write(put_all, "storm", "storm:1")
    (symptom,) = await db.write(opened, "b", cause=cause)
    assert await db.write(placements.put_symptoms, [symptom]) == (1, [])
    placed = await db.read(placements.of, [symptom])
    assert (placed[symptom].place, placed[symptom].ref) == ("storm", "storm:1")


async def test_what_a_pause_held_back_is_fresh_again_if_it_is_still_open(db: Database) -> None:
    over, still = await db.write(opened, "a", "b")
    await db.write(put_all, "episode", "maintenance:1")
    await db.write(store.resolve, over, "cli:ana", anyway=True)
    assert await db.read(placements.subjects_at, "maintenance:1") == ["prod"]
    assert await db.write(placements.release, "maintenance:1") == 1
    placed = await db.read(placements.of, [over, still])
    assert list(placed) == [over]


async def test_a_tally_counts_what_is_open_and_all_once_nothing_is(db: Database) -> None:
    numbers = await db.write(opened, *"abcd")
    await db.write(opened, "e", severity=Severity.WARNING)
    await db.write(put_all, "storm", "storm:1")
    await db.write(store.acknowledge, numbers[0], "cli:ana")
    await db.write(store.hold, numbers[1], "cli:ana")
    await db.write(store.resolve, numbers[2], "cli:ana", anyway=True)
    tally = await db.read(gatherings.tally, "storm:1")
    assert (tally.total, tally.still_open, tally.acknowledged, tally.held) == (5, 4, 1, 1)
    assert tally.by_severity == {Severity.CRITICAL: 3, Severity.WARNING: 1}
    assert tally.kinds == (("down", 4),)
    for ticket in await db.read(gatherings.members, "storm:1", 10):
        await db.write(store.resolve, ticket.id, "cli:ana", anyway=True)
    tally = await db.read(gatherings.tally, "storm:1")
    assert tally.still_open == 0
    assert tally.kinds == (("down", 5),)


async def test_a_gathering_lives_while_something_joins_it(db: Database, clock: ManualClock) -> None:
    made = await db.write(gatherings.begin, "storm", "alerts", None)
    now = clock.now().timestamp()
    found = await db.read(gatherings.living, "storm", "alerts", now - 300)
    assert found is not None
    assert found.ref == made.ref
    assert await db.read(gatherings.living, "storm", "other", now - 300) is None
    await clock.advance(200)
    await db.write(gatherings.joined, made.ref, note="x")
    await clock.advance(200)
    now = clock.now().timestamp()
    assert await db.read(gatherings.living, "storm", "alerts", now - 300) is not None
    assert await db.write(gatherings.close_quiet, now - 300) == []
    await clock.advance(200)
    now = clock.now().timestamp()
    assert await db.read(gatherings.any_quiet, now - 300)
    assert await db.write(gatherings.close_quiet, now - 300) == [made.ref]
    assert await db.read(gatherings.living, "storm", "alerts", 0.0) is None


def _card(tx: Tx, number: int, ts: str | None) -> None:
    key = outbox.post(tx, Effect("T", "alerts", f"ticket:{number}", "card"))
    placements.put(tx, [placements.Placement(number, "alerts", "card", f"ticket:{number}", tx.now)])
    row = outbox.get(tx, key)
    if ts and row is not None:
        outbox.begin(tx, row, 1)
        outbox.sent(tx, key, ts, None)


async def test_criticals_that_nobody_can_have_read_are_found_until_they_are_told_elsewhere(
    db: Database, clock: ManualClock
) -> None:
    told, untold, held, unplaced = await db.write(opened, *"abcd")
    await db.write(opened, "w", severity=Severity.WARNING)
    await db.write(_card, told, "1.0")
    await db.write(_card, untold, None)
    await db.write(_card, held, None)
    await db.write(store.hold, held, "cli:ana")
    await clock.advance(60)
    before = clock.now().timestamp() - 60
    found = await db.read(placements.undelivered_criticals, before, 10)
    assert [f.ticket_id for f in found] == [untold, unplaced]
    assert await db.read(placements.undelivered_criticals, before - 1, 10) == []
    await db.write(outbox.post, Effect("", "webhook:fallback", f"ticket:{untold}", "trigger"))
    found = await db.read(placements.undelivered_criticals, before, 10)
    assert [f.ticket_id for f in found] == [unplaced]


async def test_history_is_forgotten_with_its_tickets(db: Database, clock: ManualClock) -> None:
    (number,) = await db.write(opened, "a")
    await db.write(_card, number, "1.0")
    await db.write(store.resolve, number, "cli:ana", anyway=True)
    now = clock.now().timestamp()
    assert await db.write(placements.purge, now) == 0
    assert await db.write(reconcile.purge, now + 1) == 0
    await db.write(_shown_healthy, number)
    await db.write(deadlines.purge, now + 1)
    assert await db.write(placements.purge, now) == 1
    assert await db.write(reconcile.purge, now + 1) == 1


def _shown_healthy(tx: Tx, number: int) -> None:
    from core.tickets import recovery

    recovery.unshut(tx, [store.get(tx, number)])


async def test_accepting_holds_what_is_open_and_free_and_leaves_the_rest(db: Database) -> None:
    mine, theirs, over = await db.write(opened, "a", "b", "c", adopted=True)
    made = await db.write(gatherings.begin, "adoption", "alerts", "prod")
    await db.write(put_all, "adoption", made.ref)
    await db.write(store.hold, theirs, "cli:ben", reason="mine")
    await db.write(store.resolve, over, "cli:ana", anyway=True)
    assert await db.write(gatherings.accept, made.ref, "slack:U1") == 1
    ticket = await db.read(store.get, mine)
    assert (ticket.held_by, ticket.held_until_healthy) == ("slack:U1", True)
    assert (await db.read(store.get, theirs)).held_by == "cli:ben"
    assert (await db.read(events.of_ticket, mine))[-1].kind == "ticket.held"
    assert await db.write(gatherings.accept, made.ref, "slack:U2") == 0
    with pytest.raises(NotFound):
        await db.write(gatherings.accept, "adoption:99", "slack:U1")


async def test_ten_thousand_are_accepted_at_once(sqlite_db: Database) -> None:
    names = [f"s{n}" for n in range(10_000)]
    await sqlite_db.write(lambda tx: opened(tx, *names, adopted=True))
    made = await sqlite_db.write(gatherings.begin, "adoption", "alerts", "prod")
    await sqlite_db.write(put_all, "adoption", made.ref)
    assert await sqlite_db.write(gatherings.accept, made.ref, "slack:U1") == 10_000


async def test_what_was_adopted_is_found_while_any_of_it_is_open(
    db: Database, clock: ManualClock
) -> None:
    assert await db.read(gatherings.adopted, None) == []
    first = await db.write(gatherings.begin, "adoption", "alerts", "prod")
    await clock.advance(1)
    second = await db.write(gatherings.begin, "adoption", "alerts", "prod")
    storm = await db.write(gatherings.begin, "storm", "alerts", "prod")
    for name, made in (("a", first), ("b", second), ("c", storm)):
        ids = await db.write(opened, name, adopted=True)
        await db.write(placements.put_new, ids, "alerts", made.kind, made.ref)
    found = await db.read(gatherings.adopted, "PROD")
    assert [one.ref for one in found] == [second.ref, first.ref]
    [ticket] = await db.read(gatherings.members, second.ref, 10)
    await db.write(lambda tx: store.resolve(tx, ticket.id, "cli:ana", anyway=True))
    assert [one.ref for one in await db.read(gatherings.adopted, None)] == [first.ref]
    with pytest.raises(NotFound, match="of these: prod"):
        await db.read(gatherings.adopted, "conf")
    other = await db.write(gatherings.begin, "adoption", "alerts", "conf")
    ids = await db.write(opened, "d", adopted=True)
    await db.write(placements.put_new, ids, "alerts", "adoption", other.ref)
    with pytest.raises(Invalid, match="Of which subject"):
        await db.read(gatherings.adopted, None)
    assert [one.ref for one in await db.read(gatherings.adopted, "conf")] == [other.ref]
