"""What is remembered of a subject before its tick is settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from core import schema
from core.db import Tx
from core.tickets.model import FLAP_WINDOW_S, Ticket
from core.tickets.plan import Condition, Known
from core.tickets.store import from_row, t

SLICE = 500
"""Rows written in one transaction: 10,000 in one held a click for 90 ms, slices of 1,000 for 13."""

R = TypeVar("R")

Read = dict[int, tuple[tuple[Any, ...], Ticket]]
"""Open tickets as they were last read, by id: the row, and what was made of it. With 10,000 open a
tick spent 290 of its 350 ms on making the same tickets again from rows that nobody had changed."""


def parts(items: list[R], size: int = SLICE) -> Iterator[list[R]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def known(tx: Tx, subject: str, read: Read | None = None) -> Known:
    """What is remembered of `subject` before a tick is settled.

    `read` is what the caller keeps from one call to the next; rows that are as they were then give
    the same tickets. It is brought up to date here.
    """
    s, c = schema.subjects, schema.conditions
    first = tx.value(sa.select(s.c.first_seen_at).where(s.c.name == subject))
    is_open = sa.select(t).where(t.c.subject == subject, t.c.resolved_at.is_(None))
    tickets = _tickets(tx.rows(is_open), read if read is not None else {})
    lately = sa.select(t).where(
        t.c.subject == subject,
        t.c.resolved_at.is_not(None),
        sa.or_(t.c.shut, t.c.resolved_at >= tx.now - FLAP_WINDOW_S),
    )
    # Ascending, so that the latest of each fingerprint is the one that stays.
    closed = {r.fingerprint: from_row(r) for r in tx.rows(lately.order_by(t.c.id))}
    conditions = {
        r.fingerprint: Condition(r.fingerprint, r.since, r.last_at, r.broken_for_s)
        for r in tx.rows(sa.select(c).where(c.c.subject == subject))
    }
    return Known(
        first_seen_at=tx.now if first is None else first,
        tickets=tickets,
        closed=closed,
        conditions=conditions,
        roots=_ended_roots(tx, tickets),
    )


def _tickets(rows: Sequence[Any], read: Read) -> dict[str, Ticket]:
    before = dict(read)
    read.clear()
    for row in rows:
        told = tuple(row)
        earlier = before.get(row.id)
        same = earlier is not None and earlier[0] == told
        read[row.id] = earlier if earlier is not None and same else (told, from_row(row))
    return {ticket.fingerprint: ticket for _, ticket in read.values()}


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


def previous(tx: Tx, fingerprints: list[str]) -> dict[str, int]:
    """The latest earlier ticket of each fingerprint, for "again: see 17"."""
    each = tx.each(fingerprints)
    rows: Sequence[Any] = tx.rows(
        sa.select(t.c.fingerprint, sa.func.max(t.c.id))
        .join_from(each, t, t.c.fingerprint == each.c.value)
        .group_by(t.c.fingerprint)
    )
    return {row[0]: row[1] for row in rows}
