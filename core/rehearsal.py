"""What is only a rehearsal: a test ticket down the real path, and a demo's subject forgotten again."""

from __future__ import annotations

import sqlalchemy as sa

from core import outbox, schema
from core.db import Tx
from core.invariant import Broken, Severity, Violation
from core.placements import card_ref
from core.schema_diagnosis import diagnoses, feedback, investigations, snapshots
from core.schema_runs import artefacts, faults, runs
from core.tickets import recovery, settle, store
from core.tickets.known import parts
from core.tickets.plan import Opening, Plan

INVARIANT = "test"


def any_subject(tx: Tx) -> str | None:
    """A subject that is watched, or None."""
    s = schema.subjects
    found = tx.value(
        sa.select(s.c.name).where(s.c.removed_at.is_(None)).order_by(s.c.kind == "own", s.c.name)
    )
    return None if found is None else str(found)


def open_test(tx: Tx, subject: str, severity: Severity) -> int:
    """Open a test ticket of `subject`; its id. One at a time: an earlier one is cleared first."""
    t = store.t
    entity = "drill"
    earlier = tx.rows(
        sa.select(t).where(
            t.c.subject == subject,
            t.c.invariant == INVARIANT,
            t.c.entity == entity,
            t.c.resolved_at.is_(None),
        )
    )
    for row in earlier:
        clear_test(tx, row.id)
    found = Broken(
        title="TEST: this is only a test",
        summary="opened by `tocsin test-ticket`; nothing is wrong",
        facts={"test": "yes"},
    )
    violation = Violation(subject, INVARIANT, entity, severity, found, tx.now, 1.0, 0.0)
    ids: dict[str, int] = {}
    plan = Plan(opens=[Opening(violation, None, False, None)])
    settle.write(tx, plan, subject, ids, last=True)
    return next(iter(ids.values()))


def clear_test(tx: Tx, ticket_id: int) -> None:
    """End a test ticket."""
    ticket = store.find(tx, ticket_id)
    if ticket is not None and ticket.open:
        recovery.close(tx, [ticket])


def delivered(tx: Tx, ticket_id: int) -> bool:
    """Whether its card has arrived."""
    return any(row.ts is not None for row in outbox.by_ref(tx, card_ref(ticket_id)))


def forget(tx: Tx, subject: str) -> int:
    """Everything about a subject that was only a demo, as if it had never been watched; how many
    tickets that were."""
    t, o, p, g = store.t, schema.outbox, schema.placements, schema.gatherings
    ids = [row.id for row in tx.rows(sa.select(t.c.id).where(t.c.subject == subject))]
    gathered = [row.ref for row in tx.rows(sa.select(g.c.ref).where(g.c.subject == subject))]
    refs = [*(card_ref(number) for number in ids), *gathered]
    for part in parts(refs, 500):
        tx.run(sa.delete(o).where(o.c.ref.in_(part)))
        tx.run(sa.delete(p).where(p.c.ref.in_(part)))
    for part in parts(ids, 500):
        tx.run(sa.delete(p).where(p.c.ticket_id.in_(part)))
        tx.run(sa.delete(schema.events).where(schema.events.c.ticket_id.in_(part)))
    tx.run(sa.delete(o).where(o.c.ref.contains(subject, autoescape=True)))
    for table in (t, schema.conditions, schema.events, g, schema.maintenance):
        tx.run(sa.delete(table).where(table.c.subject == subject))
    _forget_diagnoses(tx, ids)
    _forget_runs(tx, subject)
    tx.run(sa.delete(schema.subjects).where(schema.subjects.c.name == subject))
    _number_on(tx)
    return len(ids)


def _forget_diagnoses(tx: Tx, tickets: list[int]) -> None:
    """What was thought of the tickets, so that nothing of it comes to others of their numbers."""
    i, s, d, o = investigations.c, snapshots.c, diagnoses.c, schema.outbox
    for part in parts(tickets, 500):
        looks = [row.id for row in tx.rows(sa.select(i.id).where(i.ticket_id.in_(part)))]
        made = [row.id for row in tx.rows(sa.select(d.id).where(d.ticket_id.in_(part)))]
        refs = [f"investigation:{n}" for n in looks] + [f"diagnosis:{n}" for n in made]
        tx.run(sa.delete(o).where(o.c.ref.in_(refs)))
        tx.run(sa.delete(feedback).where(feedback.c.diagnosis_id.in_(made)))
        tx.run(sa.delete(diagnoses).where(d.ticket_id.in_(part)))
        tx.run(sa.delete(snapshots).where(s.ticket_id.in_(part)))
        tx.run(sa.delete(investigations).where(i.ticket_id.in_(part)))


def _number_on(tx: Tx) -> None:
    """The next ticket's number follows the highest that is left: 1 where none is."""
    last = sa.select(sa.func.coalesce(sa.func.max(store.t.c.id), 0)).scalar_subquery()
    c = schema.counters
    tx.run(sa.update(c).where(c.c.name == "tickets").values(value=last))


def _forget_runs(tx: Tx, subject: str) -> None:
    """What was broken on purpose in a demo is gone with it; its plans must not come to another."""
    r, f, a, o = runs.c, faults.c, artefacts.c, schema.outbox
    numbers = [row.id for row in tx.rows(sa.select(r.id).where(r.subject == subject))]
    for part in parts(numbers, 500):
        tx.run(sa.delete(o).where(o.c.ref.in_([f"run:{number}" for number in part])))
        tx.run(sa.delete(artefacts).where(a.run_id.in_(part)))
    tx.run(sa.delete(faults).where(f.subject == subject))
    tx.run(sa.delete(runs).where(r.subject == subject))
    named = f'"subject":"{subject}"'
    tx.run(sa.delete(schema.due).where(schema.due.c.data.contains(named, autoescape=True)))
