"""A test ticket goes down the real path; a demo's subject can be forgotten without a trace."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from core import outbox, rehearsal, schema, schema_runs
from core.clock import ManualClock
from core.db import Database, Tx
from core.diagnosis import store as diagnoses
from core.diagnosis.made import New
from core.diagnosis.model import Reason
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from core.invariant import Severity
from core.lock import hold
from core.outbox import Effect
from core.placements import card_ref
from core.runs import artefacts
from core.runs import store as runs
from core.tickets import store
from tests.core.scripted import Bench

SCENARIO = Path(__file__).parents[2] / "scenarios" / "ours" / "killed-by-docker"


async def test_a_test_ticket_is_marked_as_one_and_only_one_is_open(db: Database) -> None:
    first = await db.write(rehearsal.open_test, "prod", Severity.CRITICAL)
    second = await db.write(rehearsal.open_test, "prod", Severity.CRITICAL)

    assert not (await db.read(store.get, first)).open
    ticket = await db.read(store.get, second)
    assert ticket.title.startswith("TEST")
    await db.write(rehearsal.clear_test, second)
    assert not (await db.read(store.get, second)).open


async def test_it_has_arrived_once_its_card_has(db: Database) -> None:
    number = await db.write(rehearsal.open_test, "prod", Severity.CRITICAL)
    key = await db.write(outbox.post, Effect("T1", "C1", card_ref(number), "card"))
    assert not await db.read(rehearsal.delivered, number)

    await db.write(outbox.sent, key, "1.0", "digest")
    assert await db.read(rehearsal.delivered, number)


async def test_a_forgotten_subject_leaves_no_trace_and_others_stay(
    db: Database, clock: ManualClock
) -> None:
    async with hold(db, "test") as holding:
        for name in ("demo", "prod"):
            bench = await Bench.open(db, clock, holding.epoch, name=name)
            bench.subject.breaks("store_down", "store:1")
            bench.subject.breaks("high_latency", "store:2")
            await bench.ticks(2)
        await db.write(outbox.post, Effect("T1", "C1", card_ref(1), "card"))
        await db.write(outbox.post, Effect("T1", "C1", card_ref(2), "card"))

        assert await db.write(rehearsal.forget, "demo") == 1

    def left(tx: Tx) -> dict[str, int]:
        tables = (schema.tickets, schema.conditions, schema.events, schema.outbox)
        return {t.name: tx.value(sa.select(sa.func.count()).select_from(t)) for t in tables}

    assert [t.subject for t in await db.read(store.listing, store.Filter("all"))] == ["prod"]
    assert (await db.read(left))["outbox"] == 1
    assert (await db.read(left))["conditions"] == 1


async def test_the_tickets_of_the_next_demo_begin_at_1_and_inherit_nothing(
    db: Database, clock: ManualClock
) -> None:
    frozen = snapshot(read(SCENARIO))

    def looked_at(tx: Tx) -> None:
        look = diagnoses.ask(tx, 1, "slack:U1")
        number = diagnoses.save_snapshot(tx, 1, frozen)
        new = New(1, number, diagnose(frozen), Reason.OPENED, 0.1, look)
        made = diagnoses.save_diagnosis(tx, new)
        diagnoses.feedback(tx, made, "slack:U1", useful=True)
        tx.run(sa.insert(schema.events).values(at=1.0, kind="x", ticket_id=1, data="{}"))
        outbox.post(tx, Effect("T1", "C1", f"diagnosis:{made}", "diagnosis"))
        outbox.post(tx, Effect("T1", "C1", f"investigation:{look}", "progress"))

    async with hold(db, "test") as holding:
        for _ in range(2):
            bench = await Bench.open(db, clock, holding.epoch, name="demo")
            bench.subject.breaks("store_down", "store:1")
            await bench.ticks(2)
            assert [t.id for t in await db.read(store.listing, store.Filter("all"))] == [1]
            assert await db.read(diagnoses.current, 1) is None
            await db.write(looked_at)
            await db.write(rehearsal.forget, "demo")

    def left(tx: Tx) -> dict[str, int]:
        kept = ("holder", "counters", "cursors")
        found = {
            one.name: tx.value(sa.select(sa.func.count()).select_from(one))
            for one in schema.metadata.sorted_tables
            if one.name not in kept
        }
        return {name: number for name, number in found.items() if number}

    assert await db.read(left) == {}


async def test_numbers_go_on_after_the_tickets_that_stay(db: Database, clock: ManualClock) -> None:
    async with hold(db, "test") as holding:
        for name in ("prod", "demo"):
            bench = await Bench.open(db, clock, holding.epoch, name=name)
            bench.subject.breaks("store_down", "store:1")
            await bench.ticks(2)
        await db.write(rehearsal.forget, "demo")

    def number(tx: Tx) -> int:
        return tx.next_ids("tickets", 1)[0]

    assert await db.write(number) == 2


async def test_what_a_demo_broke_and_planned_is_forgotten_with_it(db: Database) -> None:
    def ordered(tx: Tx, subject: str) -> int:
        run = runs.create(
            tx,
            kind="chaos",
            subject=subject,
            name="kill-store",
            target="",
            requested_by="x",
            data={},
        )
        artefacts.put(tx, run.id, "record.json", "application/json", b"{}")
        row = {"name": f"chaos:{run.id}", "cron": "0 * * * *", "zone": "UTC", "next_at": 0.0}
        tx.run(sa.insert(schema.due).values(**row, data=f'{{"number":1,"subject":"{subject}"}}'))
        return run.id

    await db.write(ordered, "demo")
    kept = await db.write(ordered, "prod")

    await db.write(rehearsal.forget, "demo")

    def left(tx: Tx) -> list[object]:
        tables = (schema_runs.runs.c.id, schema_runs.artefacts.c.run_id, schema.due.c.name)
        return [tx.value(sa.select(one)) for one in tables]

    assert await db.read(left) == [kept, kept, f"chaos:{kept}"]
