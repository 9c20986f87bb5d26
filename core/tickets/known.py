"""What is remembered of a subject before its tick is settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa

from core import schema
from core.db import Tx
from core.tickets.model import FLAP_WINDOW_S, Ticket
from core.tickets.plan import Condition, Known, Opening
from core.tickets.store import by_ids, from_row, t

SLICE = 100
"""Rows written in one step: a millisecond, so that a person's click is not kept waiting for longer."""

R = TypeVar("R")

Read = dict[int, Ticket]
"""Tickets as they were last read, by id."""

_STAMP = (t.c.version, t.c.last_seen_at, t.c.healthy_at)
"""Of these at least one differs whenever a ticket's row does: being seen again, or seen healthy,
moves a date; everything else raises the version."""


def parts(items: list[R], size: int = SLICE) -> Iterator[list[R]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def known(tx: Tx, subject: str, read: Read | None = None) -> Known:
    """What is remembered of `subject` before a tick is settled.

    `read` is what the caller keeps from one call to the next: only what changed since is read whole.
    It is brought up to date here.
    """
    s, c = schema.subjects, schema.conditions
    first = tx.value(sa.select(s.c.first_seen_at).where(s.c.name == subject))
    read = {} if read is None else read
    ours = t.c.subject == subject
    is_open = _current(tx, sa.and_(ours, t.c.resolved_at.is_(None)), read)
    lately = sa.or_(t.c.shut, t.c.resolved_at >= tx.now - FLAP_WINDOW_S)
    closed = _current(tx, sa.and_(ours, t.c.resolved_at.is_not(None), lately), read)
    read.clear()
    read.update(is_open | closed)
    tickets = {ticket.fingerprint: ticket for ticket in is_open.values()}
    conditions = {
        r.fingerprint: Condition(r.fingerprint, r.since, r.last_at, r.broken_for_s)
        for r in tx.rows(sa.select(c).where(c.c.subject == subject))
    }
    return Known(
        first_seen_at=tx.now if first is None else first,
        tickets=tickets,
        # Ascending, so that the latest of each fingerprint is the one that stays.
        closed={ticket.fingerprint: ticket for ticket in closed.values()},
        conditions=conditions,
        roots=_ended_roots(tx, tickets),
    )


def _current(tx: Tx, which: sa.ColumnElement[bool], read: Read) -> Read:
    """Those tickets as they are now, in order of their ids.

    A tick with 10,000 open or just closed would spend most of its time on making tickets from rows
    that nobody has changed.
    """
    rows: Sequence[Any] = tx.rows(sa.select(t.c.id, *_STAMP).where(which).order_by(t.c.id))
    changed = [number for number, *stamp in rows if _stamp(read.get(number)) != stamp]
    if 2 * len(changed) > len(rows):
        return _whole(tx, sa.select(t).where(which).order_by(t.c.id))
    fresh = by_ids(tx, changed)
    return {row.id: fresh.get(row.id) or read[row.id] for row in rows}


def _whole(tx: Tx, chosen: sa.Select[Any]) -> Read:
    found: Read = {}
    for some in parts(list(tx.rows(chosen)), 1000):
        tx.breathe()
        found.update((row.id, from_row(row)) for row in some)
    return found


def _stamp(ticket: Ticket | None) -> list[float | None]:
    return [] if ticket is None else [ticket.version, ticket.last_seen_at, ticket.healthy_at]


def _ended_roots(tx: Tx, tickets: Mapping[str, Ticket]) -> dict[int, float]:
    wanted = {k.explained_by for k in tickets.values() if k.explained_by is not None}
    if not wanted:
        return {}
    open_ids = {k.id for k in tickets.values()}
    gone = sorted(wanted - open_ids)[:500]
    rows = tx.rows(sa.select(t.c.id, t.c.resolved_at).where(t.c.id.in_(gone)))
    ended = {r.id: r.resolved_at for r in rows if r.resolved_at is not None}
    # A cause that retention has forgotten ended long ago.
    return {i: ended.get(i, 0.0) for i in gone}


def with_earlier(tx: Tx, opens: list[Opening]) -> list[Opening]:
    """The same, each naming the latest earlier ticket of its fingerprint, for "again: see 17"."""
    unnamed = [o.violation.fingerprint for o in opens if o.previous_id is None]
    if not unnamed:
        return opens
    each = tx.each(unnamed)
    rows = tx.rows(
        sa.select(t.c.fingerprint, sa.func.max(t.c.id).label("id"))
        .join_from(each, t, t.c.fingerprint == each.c.value)
        .group_by(t.c.fingerprint)
    )
    earlier = {row.fingerprint: row.id for row in rows}
    if not earlier:
        return opens
    return [
        replace(o, previous_id=o.previous_id or earlier.get(o.violation.fingerprint)) for o in opens
    ]
