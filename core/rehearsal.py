"""A ticket that is only a test: opened and cleared by hand, delivered like any other."""

from __future__ import annotations

import sqlalchemy as sa

from core import outbox, schema
from core.db import Tx
from core.invariant import Broken, Severity, Violation
from core.placements import card_ref
from core.tickets import recovery, settle, store
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
