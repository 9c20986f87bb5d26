"""What our own records add to the evidence: tickets nearby, past ones like it with their outcome, notes of change.

Nothing here reads runs or faults: the evidence must not tell of an experiment.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from core import schema
from core.db import Tx
from core.schema_diagnosis import diagnoses
from core.tickets.model import Ticket

NEARBY_S = 3600.0
"""How long ago another ticket may have ended and still be nearby, seconds."""
MAX_NEARBY = 20
MAX_SIMILAR = 5
SIMILAR_S = 180 * 86_400.0
"""How far back a similar ticket is looked for, seconds: half a year."""
CHANGES_S = 86_400.0
"""How far back changes that people announced are told, seconds."""

t = schema.tickets


def nearby(tx: Tx, ticket: Ticket, now: float) -> list[dict[str, Any]]:
    """Other tickets of the subject that are open, or were within the hour: oldest first."""
    around = sa.or_(t.c.resolved_at.is_(None), t.c.resolved_at >= now - NEARBY_S)
    where = (t.c.subject == ticket.subject, t.c.id != ticket.id, around)
    rows = tx.rows(sa.select(t).where(*where).order_by(t.c.opened_at.desc()).limit(MAX_NEARBY))
    found = _causes(tx, [row.id for row in rows])
    return [_told(row, found) for row in reversed(rows)]


def similar(tx: Tx, ticket: Ticket, now: float) -> list[dict[str, Any]]:
    """Past tickets of the same invariant: those of the same entity first, then the newest."""
    where = (
        t.c.subject == ticket.subject,
        t.c.invariant == ticket.invariant,
        t.c.id != ticket.id,
        t.c.resolved_at.is_not(None),
        t.c.opened_at >= now - SIMILAR_S,
    )
    same = sa.case((t.c.entity == ticket.entity, 0), else_=1)
    rows = tx.rows(
        sa.select(t).where(*where).order_by(same, t.c.resolved_at.desc()).limit(MAX_SIMILAR)
    )
    found = _causes(tx, [row.id for row in rows])
    return [
        _told(row, found)
        | {
            "outcome": row.resolution,
            "reason": row.resolve_reason or "",
            "minutes": round((row.resolved_at - row.opened_at) / 60, 1),
        }
        for row in rows
    ]


def _told(row: Any, causes: dict[int, tuple[str, str]]) -> dict[str, Any]:
    cause, certainty = causes.get(row.id, ("", ""))
    return {
        "ticket": row.id,
        "invariant": row.invariant,
        "entity": row.entity,
        "opened_at": row.opened_at,
        "resolved_at": row.resolved_at,
        "cause": cause,
        "certainty": certainty,
    }


def _causes(tx: Tx, ids: list[int]) -> dict[int, tuple[str, str]]:
    """The newest diagnosis of each ticket, as (cause, certainty)."""
    if not ids:
        return {}
    d = diagnoses
    newest = sa.select(sa.func.max(d.c.id)).where(d.c.ticket_id.in_(ids)).group_by(d.c.ticket_id)
    rows = tx.rows(sa.select(d.c.ticket_id, d.c.cause, d.c.certainty).where(d.c.id.in_(newest)))
    return {row.ticket_id: (row.cause, row.certainty) for row in rows}


def announced(tx: Tx, subject: str, now: float) -> list[dict[str, Any]]:
    """Maintenance that people announced for the subject in the last day: oldest first."""
    m = schema.maintenance
    where = (
        sa.or_(m.c.subject.is_(None), m.c.subject == subject),
        m.c.started_at >= now - CHANGES_S,
    )
    rows = tx.rows(sa.select(m).where(*where).order_by(m.c.started_at.desc()).limit(MAX_NEARBY))
    return [
        {"at": row.started_at, "what": "maintenance", "words": f"announced: {row.reason}"}
        for row in reversed(rows)
    ]
