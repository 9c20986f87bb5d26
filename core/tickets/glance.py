"""What one person wants to see at a glance: counts, what is theirs, what ends soon. Read only."""

from __future__ import annotations

import sqlalchemy as sa

from core.db import Tx
from core.invariant import Severity
from core.tickets.model import Ticket
from core.tickets.store import from_row, t

_OPEN = t.c.resolved_at.is_(None)
_BY_SEVERITY = sa.case((t.c.severity == "critical", 0), (t.c.severity == "warning", 1), else_=2)


def open_by_severity(tx: Tx) -> dict[Severity, int]:
    """How many tickets are open, by severity; severities without any are left out."""
    rows = tx.rows(
        sa.select(t.c.severity, sa.func.count().label("n")).where(_OPEN).group_by(t.c.severity)
    )
    return {Severity(row.severity): int(row.n) for row in rows}


def unowned(tx: Tx) -> int:
    """How many open tickets nobody has acknowledged."""
    waiting = sa.select(sa.func.count()).where(_OPEN, t.c.acknowledged_by.is_(None))
    return int(tx.value(waiting) or 0)


def of_actor(tx: Tx, actor: str, limit: int) -> list[Ticket]:
    """Open tickets that `actor` owns or holds: worst first, then newest first."""
    theirs = sa.or_(t.c.acknowledged_by == actor, t.c.held_by == actor)
    order = (_BY_SEVERITY, t.c.opened_at.desc(), t.c.id.desc())
    rows = tx.rows(sa.select(t).where(_OPEN, theirs).order_by(*order).limit(limit))
    return [from_row(row) for row in rows]


def holds_ending(tx: Tx, before: float, limit: int) -> list[Ticket]:
    """Held tickets whose hold ends before `before` (seconds since the epoch): soonest first."""
    rows = tx.rows(
        sa.select(t).where(_OPEN, t.c.held_until < before).order_by(t.c.held_until).limit(limit)
    )
    return [from_row(row) for row in rows]
