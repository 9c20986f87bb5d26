"""Remembering tickets: what a person or a tick changes, each with its event in the same commit.

All functions take an open transaction. Verbs answer with an Outcome and are safe to repeat.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from core import events, schema
from core.db import Tx
from core.errors import NotFound
from core.invariant import Severity
from core.tickets.model import (
    Detail,
    Outcome,
    Resolution,
    Ticket,
    guard_hold,
    guard_open,
    guard_resolve,
)
from core.tickets.model import reason as clean_reason

t = schema.tickets
COLUMNS = tuple(c.name for c in t.columns)
# A Ticket's fields are the columns, in their order (a test holds it): by place is twice as fast as
# by name, and ten thousand of them are read after a storm.
_SEVERITY, _DETAILS, _RESOLUTION = (COLUMNS.index(c) for c in ("severity", "detail", "resolution"))
_DETAIL = msgspec.json.Decoder(Detail)
_TOO_LARGE = 2**62
"""No column holds such a number; a person can still type it."""


def from_row(row: sa.Row[Any]) -> Ticket:
    """A stored row as a Ticket."""
    values = list(row)
    values[_SEVERITY] = Severity(values[_SEVERITY])
    values[_DETAILS] = _DETAIL.decode(values[_DETAILS])
    if values[_RESOLUTION] is not None:
        values[_RESOLUTION] = Resolution(values[_RESOLUTION])
    return Ticket(*values)


def get(tx: Tx, ticket_id: int) -> Ticket:
    """The ticket; NotFound names the nearest ones."""
    ticket = find(tx, ticket_id)
    if ticket is None:
        raise NotFound(f"There is no ticket {ticket_id}. {_nearest_words(tx, ticket_id)}")
    return ticket


def find(tx: Tx, ticket_id: int) -> Ticket | None:
    """The ticket, or None."""
    if abs(ticket_id) >= _TOO_LARGE:
        return None
    row = tx.row(sa.select(t).where(t.c.id == ticket_id))
    return None if row is None else from_row(row)


def _nearest_words(tx: Tx, ticket_id: int) -> str:
    if abs(ticket_id) >= _TOO_LARGE:
        return "Ticket numbers are much smaller."
    near = tx.rows(
        sa.select(t.c.id, t.c.title)
        .order_by(t.c.resolved_at.is_not(None), sa.func.abs(t.c.id - ticket_id))
        .limit(3)
    )
    if not near:
        return "There are no tickets yet."
    return "Did you mean " + " or ".join(f"{r.id} ({r.title})" for r in near) + "?"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tickets to list; empty fields do not filter. `words` must all occur in the text."""

    status: str | None = None
    subject: str | None = None
    severity: Severity | None = None
    words: tuple[str, ...] = ()


def _conditions(f: Filter) -> list[sa.ColumnElement[bool]]:
    is_open = t.c.resolved_at.is_(None)
    unowned = t.c.acknowledged_by.is_(None)
    by_status: dict[str | None, list[sa.ColumnElement[bool]]] = {
        None: [is_open],
        "all": [],
        # Every ticket is diagnosed within seconds: that takes none out of these two.
        "open": [is_open, unowned],
        "acknowledged": [is_open, t.c.acknowledged_by.is_not(None)],
        "diagnosed": [is_open, t.c.diagnosed_at.is_not(None)],
        "resolved": [t.c.resolved_at.is_not(None)],
        "held": [is_open, t.c.held_at.is_not(None)],
        "unowned": [is_open, unowned],
    }
    where = list(by_status[f.status])
    if f.subject:
        where.append(t.c.subject == f.subject)
    if f.severity:
        where.append(t.c.severity == str(f.severity))
    for word in f.words:
        like = f"%{word.lower().replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"
        text = t.c.title + " " + t.c.summary + " " + t.c.entity + " " + t.c.invariant
        where.append(sa.func.lower(text).like(like, escape="!"))
    return where


_BY_SEVERITY = sa.case((t.c.severity == "critical", 0), (t.c.severity == "warning", 1), else_=2)


def listing(tx: Tx, f: Filter, limit: int = 1000, offset: int = 0) -> list[Ticket]:
    """Tickets that pass the filter: worst first, causes before symptoms, then newest first;
    resolved ones by when they ended."""
    symptom = t.c.explained_by.is_not(None)
    order: tuple[Any, ...] = (_BY_SEVERITY, symptom, t.c.opened_at.desc(), t.c.id.desc())
    if f.status == "resolved":
        order = (t.c.resolved_at.desc(), t.c.id.desc())
    # Chosen by their ids alone: sorting whole rows of ten thousand takes twice as long.
    chosen = sa.select(t.c.id).where(*_conditions(f)).order_by(*order).limit(limit).offset(offset)
    rows = tx.rows(sa.select(t).where(t.c.id.in_(chosen)).order_by(*order))
    return [from_row(r) for r in rows]


def count(tx: Tx, f: Filter) -> int:
    """How many tickets pass the filter."""
    return int(tx.value(sa.select(sa.func.count()).select_from(t).where(*_conditions(f))) or 0)


def open_by_severity(tx: Tx) -> dict[str, int]:
    """How many tickets are open, by severity; 0 where there is none."""
    found = {str(s): 0 for s in Severity}
    rows = tx.rows(
        sa.select(t.c.severity, sa.func.count().label("n"))
        .where(t.c.resolved_at.is_(None))
        .group_by(t.c.severity)
    )
    return found | {r.severity: r.n for r in rows}


def by_ids(tx: Tx, ids: Iterable[int]) -> dict[int, Ticket]:
    """Several tickets by id; those that do not exist are left out."""
    found: dict[int, Ticket] = {}
    wanted = list(ids)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        for row in tx.rows(sa.select(t).where(t.c.id.in_(part))):
            found[row.id] = from_row(row)
    return found


def symptoms(tx: Tx, ticket_id: int, limit: int = 50) -> list[Ticket]:
    """The tickets that this one explains, oldest first."""
    rows = tx.rows(sa.select(t).where(t.c.explained_by == ticket_id).order_by(t.c.id).limit(limit))
    return [from_row(r) for r in rows]


def acknowledge(tx: Tx, ticket_id: int, by: str) -> Outcome:
    """`by` owns the ticket; the first to acknowledge it stays its owner."""
    ticket = get(tx, ticket_id)
    guard_open(ticket)
    if not ticket.unowned:
        return Outcome("acknowledge", False, ticket)
    change(
        tx,
        ticket,
        {"acknowledged_by": by, "acknowledged_at": tx.now},
        t.c.acknowledged_by.is_(None),
    )
    return _told(tx, "acknowledge", "ticket.acknowledged", ticket_id, by)


def hold(
    tx: Tx,
    ticket_id: int,
    by: str,
    *,
    until: float | None = None,
    until_healthy: bool = False,
    reason: str | None = None,
) -> Outcome:
    """Keep the ticket from resolving by itself and from repeating, until `until` (seconds since
    the epoch), until healthy, or, with neither, until somebody unholds it."""
    ticket = get(tx, ticket_id)
    guard_open(ticket)
    guard_hold(until, tx.now)
    if ticket.held:
        return Outcome("hold", False, ticket)
    change(
        tx,
        ticket,
        {
            "held_at": tx.now,
            "held_by": by,
            "held_until": until,
            "held_until_healthy": until_healthy,
            "hold_reason": clean_reason(reason),
        },
        t.c.held_at.is_(None),
    )
    # The event keeps what was agreed: the ticket forgets it when the hold ends.
    agreed = {"until": until, "until_healthy": until_healthy, "reason": clean_reason(reason)}
    return _told(tx, "hold", "ticket.held", ticket_id, by, **agreed)


# What a ticket's row says of a hold when there is none.
NOT_HELD: dict[str, Any] = {
    "held_at": None,
    "held_by": None,
    "held_until": None,
    "held_until_healthy": False,
    "hold_reason": None,
}


def unhold(tx: Tx, ticket_id: int, by: str) -> Outcome:
    """End a hold; the ticket may resolve by itself again."""
    ticket = get(tx, ticket_id)
    guard_open(ticket)
    if not ticket.held:
        return Outcome("unhold", False, ticket)
    change(tx, ticket, dict(NOT_HELD), t.c.held_at.is_not(None))
    return _told(tx, "unhold", "ticket.unheld", ticket_id, by, held_by=ticket.held_by)


def resolve(
    tx: Tx, ticket_id: int, by: str, *, reason: str | None = None, anyway: bool = False
) -> Outcome:
    """End the ticket by hand; lifts a hold. StillBroken while it is broken, unless `anyway`:
    its fingerprint then stays closed until it has once been seen healthy."""
    ticket = get(tx, ticket_id)
    if not ticket.open:
        return Outcome("resolve", False, ticket)
    guard_resolve(ticket, anyway=anyway)
    change(
        tx,
        ticket,
        {
            **NOT_HELD,
            "resolved_at": tx.now,
            "resolved_by": by,
            "resolution": str(Resolution.MANUAL),
            "resolve_reason": clean_reason(reason),
            "shut": ticket.broken,
        },
    )
    told = {"while_broken": ticket.broken, "reason": clean_reason(reason)}
    return _told(tx, "resolve", "ticket.resolved", ticket_id, by, **told)


def mark_diagnosed(tx: Tx, ticket_id: int, **data: Any) -> None:
    """The ticket has a diagnosis now; `data` says which."""
    tx.run(
        sa.update(t)
        .where(t.c.id == ticket_id)
        .values(diagnosed_at=sa.func.coalesce(t.c.diagnosed_at, tx.now), version=t.c.version + 1)
    )
    ticket = get(tx, ticket_id)
    news = events.New("ticket.diagnosed", ticket.subject, ticket_id, data=data)
    events.emit(tx, news)


def change(tx: Tx, ticket: Ticket, values: dict[str, Any], *unless: sa.ColumnElement[bool]) -> None:
    """Change an open ticket; Conflict if it is not as `ticket` says any more, or `unless` fails."""
    tx.exactly_one(
        sa.update(t)
        .where(t.c.id == ticket.id, t.c.version == ticket.version, t.c.resolved_at.is_(None))
        .where(*unless)
        .values(version=t.c.version + 1, **values)
    )


def _told(tx: Tx, verb: str, kind: str, ticket_id: int, by: str, **data: Any) -> Outcome:
    ticket = get(tx, ticket_id)
    events.emit(
        tx,
        events.New(kind, subject=ticket.subject, ticket_id=ticket_id, actor=by, data=data),
    )
    return Outcome(verb, True, ticket)
