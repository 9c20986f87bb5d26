"""Forgetting evidence and diagnoses together with the tickets that they were about."""

from __future__ import annotations

import sqlalchemy as sa

from core.db import Tx
from core.schema_diagnosis import diagnoses, feedback, investigations, snapshots, spending
from core.tickets.store import t


def purge(tx: Tx, before: float, limit: int = 500) -> int:
    """Forget what belongs to tickets that are gone, and what was spent before `before`, some rows
    at a time; how many."""
    gone = 0
    for table in (diagnoses, snapshots, investigations):
        kept = sa.exists().where(t.c.id == table.c.ticket_id)
        lost = sa.select(table.c.id).where(~kept).limit(limit)
        gone += tx.changed(sa.delete(table).where(table.c.id.in_(lost)))
    about = sa.exists().where(diagnoses.c.id == feedback.c.diagnosis_id)
    key = (feedback.c.diagnosis_id, feedback.c.actor)
    lost = sa.select(*key).where(~about).limit(limit)
    gone += tx.changed(sa.delete(feedback).where(sa.tuple_(*key).in_(lost)))
    old = sa.select(spending.c.id).where(spending.c.at < before).limit(limit)
    return gone + tx.changed(sa.delete(spending).where(spending.c.id.in_(old)))
