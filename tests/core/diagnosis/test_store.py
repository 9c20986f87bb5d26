"""Diagnoses are kept with their evidence, on both kinds of database."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from core import events, lock, upkeep
from core.clock import ManualClock
from core.db import Database, Tx
from core.diagnosis import calls, looks, retention, store
from core.diagnosis.made import New
from core.diagnosis.model import Certainty, Diagnosis, Piece, Reason, Snapshot
from core.errors import Invalid, NotFound, Unavailable
from core.invariant import Severity
from core.schema_diagnosis import diagnoses, feedback, investigations, snapshots
from core.tickets import store as tickets
from tests.core.diagnosis.bench import ANA, close, open_tickets, rows, worsen

BEN = "slack:UBEN"


def frozen(at: float = 5.0, text: str = "line\x00 one \U0001f600 \udc80") -> Snapshot:
    piece = Piece("e1", "log", "log", "store:1", at, (0.0, at), {"lines": [{"text": text}]})
    return Snapshot("prod", "store_down", "store:1", 1.0, at, Reason.OPENED, (piece,))


def diagnosis(cause: str = "process_killed", made_by: str = "rules", **how: object) -> Diagnosis:
    made = Diagnosis(
        cause=cause,
        entity="store:1",
        primary="It was killed.",
        certainty=Certainty.LIKELY,
        claims=(),
        alternatives=(),
        action="Start it.",
        commands=(),
        severity=Severity.CRITICAL,
        risks=(),
        unseen=(),
        timeline=(),
        affected=("store:1",),
        readings={},
        made_by=made_by,
        taken_at=5.0,
    )
    return replace(made, **how)  # type: ignore[arg-type]  # fields by name


def save(tx: Tx, ticket: int, made: Diagnosis, reason: Reason = Reason.SOON, **how: object) -> int:
    number = store.save_snapshot(tx, ticket, frozen())
    new = New(ticket, number, made, reason, 0.5, **how)  # type: ignore[arg-type]  # fields by name
    return store.save_diagnosis(tx, new)


@pytest.fixture
async def ticket(db: Database) -> int:
    return (await db.write(open_tickets, ["store:1"]))[0]


async def test_evidence_comes_back_exactly(db: Database, ticket: int) -> None:
    number = await db.write(store.save_snapshot, ticket, frozen())
    back = await db.read(store.snapshot, number)
    assert back == frozen()
    assert await db.read(store.latest_snapshot, ticket) == (number, back)


async def test_evidence_that_was_tampered_with_is_not_handed_out(db: Database, ticket: int) -> None:
    number = await db.write(store.save_snapshot, ticket, frozen())
    other = await db.write(store.save_snapshot, ticket, frozen(6.0, "another"))

    def swap(tx: Tx) -> None:
        body = tx.value(sa.select(snapshots.c.body).where(snapshots.c.id == other))
        tx.run(sa.update(snapshots).where(snapshots.c.id == number).values(body=body))
        tx.run(sa.update(snapshots).where(snapshots.c.id == other).values(body=b"rubbish"))

    await db.write(swap)
    for one in (number, other):
        with pytest.raises(Unavailable, match="damaged"):
            await db.read(store.snapshot, one)
    with pytest.raises(NotFound):
        await db.read(store.snapshot, 10_000)


async def test_the_ticket_counts_as_diagnosed_in_the_same_commit(db: Database, ticket: int) -> None:
    number = await db.write(save, ticket, diagnosis())
    found = await db.read(tickets.get, ticket)
    assert found.status == "diagnosed"
    [told] = [e for e in await db.read(events.since, 0) if e.kind == "ticket.diagnosed"]
    assert (told.ticket_id, told.subject) == (ticket, "prod")
    assert told.data == {
        "diagnosis_id": number,
        "made_by": "rules",
        "first_look": False,
        "revises": None,
    }


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({}, False),
        ({"primary": "Other words for the same."}, False),
        ({"cause": "out_of_memory"}, True),
        ({"entity": "store:2"}, True),
        ({"certainty": Certainty.CONFIRMED}, True),
    ],
)
async def test_only_another_cause_entity_or_certainty_is_news(
    db: Database, ticket: int, other: dict[str, object], told: bool
) -> None:
    await db.write(save, ticket, diagnosis())
    number = await db.write(save, ticket, replace(diagnosis(), **other))  # type: ignore[arg-type]
    assert (await db.read(store.get, number)).told is told
    assert len(await db.read(store.of_ticket, ticket)) == 2


@pytest.mark.parametrize(
    ("later", "certainty"),
    [
        ({"certainty": Certainty.INCONCLUSIVE}, Certainty.LIKELY),
        ({"certainty": Certainty.CONFIRMED}, Certainty.CONFIRMED),
        ({"certainty": Certainty.INCONCLUSIVE, "cause": "out_of_memory"}, Certainty.INCONCLUSIVE),
        ({"certainty": Certainty.INCONCLUSIVE, "entity": "store:2"}, Certainty.INCONCLUSIVE),
    ],
)
async def test_what_was_behind_it_is_the_last_word_as_sure_as_it_ever_was(
    db: Database, ticket: int, later: dict[str, object], certainty: Certainty
) -> None:
    assert await db.read(store.was_behind, ticket) is None
    await db.write(save, ticket, diagnosis())
    last = replace(diagnosis(), **later)  # type: ignore[arg-type]  # fields by name
    await db.write(save, ticket, last)
    found = await db.read(store.was_behind, ticket)
    assert found is not None
    assert found.diagnosis.certainty is certainty
    assert (found.diagnosis.cause, found.diagnosis.entity) == (last.cause, last.entity)


async def test_rules_that_a_model_overruled_do_not_say_the_same_again(
    db: Database, ticket: int
) -> None:
    await db.write(save, ticket, diagnosis())
    model = await db.write(save, ticket, diagnosis("disk_full", "claude-x"))
    again = await db.write(save, ticket, diagnosis())
    agrees = await db.write(save, ticket, diagnosis("disk_full"))

    assert (await db.read(store.get, model)).told
    assert not (await db.read(store.get, again)).told
    assert not (await db.read(store.get, agrees)).told
    current = await db.read(store.current, ticket)
    assert current is not None
    assert current.id == model
    by_model = await db.read(store.by_model, ticket)
    assert by_model is not None
    assert by_model.id == model


async def test_a_reopened_ticket_is_told_of_anew(
    db: Database, ticket: int, clock: ManualClock
) -> None:
    await db.write(save, ticket, diagnosis())
    await clock.advance(60)

    def reopen(tx: Tx) -> None:
        t = tickets.t
        tx.run(sa.update(t).where(t.c.id == ticket).values(reopened_at=tx.now))

    await db.write(reopen)
    number = await db.write(save, ticket, diagnosis())
    assert (await db.read(store.get, number)).told


async def test_the_newest_word_of_each_person_counts(db: Database, ticket: int) -> None:
    number = await db.write(save, ticket, diagnosis())
    for actor, useful in ((ANA, True), (BEN, True), (BEN, False)):
        await db.write(store.feedback, number, actor, useful)
    made = await db.read(store.get, number)
    assert (made.useful, made.useless) == (1, 1)
    with pytest.raises(NotFound):
        await db.write(store.feedback, number + 1, ANA, True)


async def test_a_question_needs_words_and_a_ticket(db: Database, ticket: int) -> None:
    with pytest.raises(Invalid):
        await db.write(store.ask, ticket, ANA, "  \n ")
    with pytest.raises(NotFound):
        await db.write(store.ask, 10_000, ANA)
    with pytest.raises(NotFound):
        await db.write(store.stop, 10_000, ANA)
    number = await db.write(store.ask, ticket, ANA, "why  is\nthat" + "?" * 5_000)
    [row] = await db.read(rows)
    assert row.id == number
    assert row.asked.startswith("why is that?")
    assert len(row.asked) == store.MAX_QUESTION


async def test_a_secret_in_a_question_is_not_kept(db: Database, ticket: int) -> None:
    await db.write(store.ask, ticket, ANA, "why does password=hunter2hunter2 not work?")
    [row] = await db.read(rows)
    assert "hunter2" not in row.asked
    asked = [e for e in await db.read(events.since, 0) if e.kind == "diagnosis.asked"]
    assert "hunter2" not in str(asked)


async def test_an_error_after_the_end_changes_nothing(db: Database, ticket: int) -> None:
    await db.write(calls.hear, await db.read(events.since, 0))
    [look] = await db.write(looks.claim, 1, (), 5)
    await db.write(looks.finish, look.id, 1)
    await db.write(looks.fail, replace(look, attempts=3), 1, "too late")
    [row] = await db.read(rows, "done")
    assert row.error is None
    assert await db.read(store.of_ticket, ticket) == []


async def test_events_become_looks_once_and_in_order_of_urgency(
    db: Database, clock: ManualClock
) -> None:
    await db.write(open_tickets, ["store:1", "store:2"], severity=Severity.WARNING)
    await clock.advance(1)
    await db.write(open_tickets, ["store:3"], severity=Severity.WARNING)
    await db.write(open_tickets, ["store:4"])
    heard = await db.read(events.since, 0)
    await db.write(calls.hear, heard)
    await db.write(calls.hear, heard)
    assert len(await db.read(rows, "due")) == 4
    await db.write(store.ask, 1, ANA)

    order = []
    while found := await db.write(looks.claim, 1, (), 1):
        [look] = found
        order.append((look.ticket.entity, look.asked_by))
        await db.write(looks.finish, look.id, 1)
    assert order[:3] == [("store:1", ANA), ("store:4", None), ("store:3", None)]
    assert sorted(order[3:]) == [("store:1", None), ("store:2", None)]
    later = await db.read(rows, "due")
    assert sorted(one.reason for one in later) == ["30s"] * 4 + ["5min"] * 4


async def test_a_storm_leaves_the_most_severe_waiting(db: Database) -> None:
    many = [f"store:{n}" for n in range(120)]
    await db.write(open_tickets, many, severity=Severity.WARNING)
    [worst] = await db.write(open_tickets, ["store:x"])
    for event in await db.read(events.since, 0):
        await db.write(calls.hear, [event])
    due, dropped = await db.read(rows, "due"), await db.read(rows, "dropped")
    assert len(due) == calls.BACKLOG
    assert worst in {one.ticket_id for one in due}
    assert len(dropped) == 121 - calls.BACKLOG
    assert {one.error for one in dropped} == {calls.CROWDED}


async def test_one_look_at_a_time_for_each_reason_and_people_may_ask_beside_it(
    db: Database, ticket: int
) -> None:
    await db.write(calls.hear, await db.read(events.since, 0))
    for _ in range(2):
        await db.write(worsen, ticket)
        await db.write(calls.hear, await db.read(events.since, 0))
    assert sorted(one.reason for one in await db.read(rows, "due")) == ["opened", "worsened"]
    await db.write(close, ticket)
    await db.write(calls.hear, await db.read(events.since, 0))
    assert await db.read(rows, "due") == []


async def test_a_process_that_was_fenced_cannot_finish_what_another_took_up(
    db: Database, ticket: int
) -> None:
    from core.errors import Conflict

    await db.write(calls.hear, await db.read(events.since, 0))
    [old] = await db.write(looks.claim, 1, (), 5)
    assert await db.write(looks.claim, 1, (old.id,), 5) == []
    [new] = await db.write(looks.claim, 2, (), 5)
    assert (new.id, new.attempts) == (old.id, 2)
    with pytest.raises(Conflict):
        await db.write(looks.finish, old.id, 1)
    await db.write(looks.finish, new.id, 2)


async def test_a_look_that_ended_the_program_three_times_is_given_up(
    db: Database, ticket: int
) -> None:
    await db.write(calls.hear, await db.read(events.since, 0))
    for epoch in (1, 2, 3):
        assert len(await db.write(looks.claim, epoch, (), 5)) == 1
    assert await db.write(looks.claim, 4, (), 5) == []
    [row] = await db.read(rows, "dropped")
    assert "the program ended each time" in row.error
    [made] = await db.read(store.of_ticket, ticket)
    assert made.diagnosis.certainty is Certainty.INCONCLUSIVE


async def test_upkeep_forgets_evidence_with_its_ticket(
    db: Database, ticket: int, clock: ManualClock
) -> None:
    epoch = await lock.take_epoch(db, "test")
    await db.write(save, ticket, diagnosis())
    await db.write(close, ticket)
    keep = upkeep.Retention(tickets_s=3600.0)
    await upkeep.purge(db, epoch, keep)
    assert len(await db.read(store.of_ticket, ticket)) == 1
    await clock.advance(3601)
    await upkeep.purge(db, epoch, keep)
    with pytest.raises(NotFound):
        await db.read(store.get, 1)
    with pytest.raises(NotFound):
        await db.read(store.snapshot, 1)


async def test_evidence_goes_with_its_ticket(db: Database, ticket: int, clock: ManualClock) -> None:
    number = await db.write(save, ticket, diagnosis())
    for who in range(4):
        await db.write(store.feedback, number, f"slack:U{who}", True)
    await db.write(store.ask, ticket, ANA)
    now = clock.now().timestamp()
    assert await db.write(retention.purge, now) == 0

    def forget(tx: Tx) -> None:
        tx.run(sa.delete(tickets.t))

    await db.write(forget)
    # Some rows of each kind at a time: four opinions, and one of everything else.
    assert await db.write(retention.purge, now, 2) == 5
    assert await db.write(retention.purge, now, 2) == 2
    assert await db.write(retention.purge, now, 2) == 0

    def left(tx: Tx) -> int:
        tables = (diagnoses, snapshots, investigations, feedback)
        return sum(tx.value(sa.select(sa.func.count()).select_from(one)) for one in tables)

    assert await db.read(left) == 0
