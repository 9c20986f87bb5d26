"""What time alone does to tickets: holds that end, owners that are missing, history to forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from core import events
from core.db import Tx
from core.tickets.model import REMIND_S
from core.tickets.store import NOT_HELD, change, from_row, t


def _expired_hold(now: float) -> sa.ColumnElement[bool]:
    return sa.and_(t.c.resolved_at.is_(None), t.c.held_until.is_not(None), t.c.held_until <= now)


def _unowned_for_long(now: float) -> sa.ColumnElement[bool]:
    return sa.and_(
        t.c.resolved_at.is_(None),
        t.c.severity == "critical",
        t.c.acknowledged_by.is_(None),
        t.c.held_at.is_(None),
        t.c.explained_by.is_(None),
        t.c.adopted.is_(False),
        t.c.reminded_at.is_(None),
        sa.func.coalesce(t.c.reopened_at, t.c.opened_at) <= now - REMIND_S,
    )


def deadline_passed(tx: Tx) -> bool:
    """Whether a hold has ended or an owner has been missing for too long."""
    late = sa.or_(_expired_hold(tx.now), _unowned_for_long(tx.now))
    return tx.value(sa.select(t.c.id).where(late).limit(1)) is not None


def end_expired_holds(tx: Tx, limit: int = 200) -> int:
    """Lift the holds whose time is over, and tell their holders."""
    expired = tx.rows(sa.select(t).where(_expired_hold(tx.now)).limit(limit))
    for row in expired:
        ticket = from_row(row)
        change(tx, ticket, dict(NOT_HELD), t.c.held_at.is_not(None))
        events.emit(
            tx,
            events.New(
                "ticket.hold_ended",
                subject=ticket.subject,
                ticket_id=ticket.id,
                data={"held_by": ticket.held_by, "broken": ticket.broken},
            ),
        )
    return len(expired)


def remind(tx: Tx, limit: int = 50) -> int:
    """Ask once more for an owner of each critical ticket that has had none for REMIND_S."""
    waiting: Sequence[Any] = tx.rows(sa.select(t).where(_unowned_for_long(tx.now)).limit(limit))
    for row in waiting:
        ticket = from_row(row)
        change(tx, ticket, {"reminded_at": tx.now})
        events.emit(tx, events.New("ticket.unowned", subject=ticket.subject, ticket_id=ticket.id))
    return len(waiting)


def purge(tx: Tx, before: float, limit: int = 500) -> int:
    """Forget tickets resolved before `before`."""
    old = sa.select(t.c.id).where(t.c.resolved_at < before, t.c.shut.is_(False)).limit(limit)
    return tx.changed(sa.delete(t).where(t.c.id.in_(old)))
