"""What calls for a look at a ticket, and what makes one pointless.

A ticket that nothing explains gets a look when it opens and one whenever it worsens (those after 30 s
and 5 min follow from the first). In a storm the most severe and newest go first; what does not fit
is dropped, with the reason in its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from core import events
from core.db import Tx
from core.diagnosis.looks import BY_SEVERITY, CLOSED, drop, i
from core.diagnosis.model import Reason
from core.diagnosis.store import LOOKS
from core.invariant import Severity
from core.rehearsal import INVARIANT as REHEARSAL
from core.subject import OWN
from core.tickets import store as tickets
from core.tickets.known import parts

BACKLOG = 20
"""Looks that may wait at once, those of people aside: at two at a time, some 20 s of a cluster whose
sources hang. So many causes at a time are one incident."""
CROWDED = "too much at once: the most severe and newest are looked at first; ask for this one"
KNOWN = "it was broken before watching began; ask for a diagnosis if you want one"
FIRST_KINDS = frozenset(("ticket.opened", "ticket.reopened", "ticket.surfaced"))


def hear(tx: Tx, batch: Iterable[events.Event]) -> None:
    """Queue what these events call for, and drop what they make pointless."""
    first: dict[int, None] = {}
    worse: dict[int, None] = {}
    ended: set[int] = set()
    for event in batch:
        number = event.ticket_id
        if number is None:
            continue
        if event.kind in FIRST_KINDS:
            first[number] = None
            ended.discard(number)
        elif event.kind == "ticket.worsened":
            worse[number] = None
        elif event.kind == "ticket.resolved":
            ended.add(number)
    _queue(tx, Reason.OPENED, list(first))
    _queue(tx, Reason.WORSENED, list(worse))
    _drop_of(tx, ended)


def _queue(tx: Tx, reason: Reason, ticket_ids: list[int]) -> None:
    """One look each, for those that can be looked at; at most BACKLOG wait in the end."""
    some = [row for part in parts(ticket_ids, 500) for row in tx.rows(_briefly(part))]
    known = {row.id for row in some if row.adopted and reason is Reason.OPENED}
    _note(tx, reason, sorted(known), KNOWN)
    fresh = [row.id for row in sorted(some, key=_urgency) if row.id not in known]
    waits = _waiting(tx, reason, fresh[:BACKLOG])
    _note(tx, reason, [one for one in fresh[:BACKLOG] if one not in waits])
    _note(tx, reason, fresh[BACKLOG:], CROWDED)
    if fresh:
        _trim(tx)
        tx.topics.add(LOOKS)


def _briefly(ticket_ids: list[int]) -> sa.Select[Any]:
    """Those that can be looked at. Our own troubles and rehearsals have no cluster behind them."""
    t = tickets.t
    return sa.select(t.c.id, t.c.severity, t.c.opened_at, t.c.adopted).where(
        t.c.id.in_(ticket_ids),
        t.c.resolved_at.is_(None),
        t.c.explained_by.is_(None),
        t.c.subject != OWN,
        t.c.invariant != REHEARSAL,
    )


def _urgency(row: sa.Row[Any]) -> tuple[int, float, int]:
    return (-Severity(row.severity).rank, -row.opened_at, -row.id)


def _waiting(tx: Tx, reason: Reason, ticket_ids: list[int]) -> set[int]:
    """Which of them wait for such a look already."""
    where = (i.c.ticket_id.in_(ticket_ids), i.c.reason == str(reason), i.c.state == "due")
    return {row.ticket_id for row in tx.rows(sa.select(i.c.ticket_id).where(*where))}


def _note(tx: Tx, reason: Reason, ticket_ids: Sequence[int], why: str = "") -> None:
    """A look at each is due, or, with a reason why not, is not made."""
    columns = ("ticket_id", "reason", "due_at", "state", "ended_at", "error")
    state = ("dropped", tx.now, why) if why else ("due", None, None)
    rows = [(one, str(reason), tx.now, *state) for one in ticket_ids]
    if rows:
        tx.bulk_insert(i, columns, rows)


def _trim(tx: Tx) -> None:
    """Of the looks that wait now, keep the BACKLOG that matter most."""
    t = tickets.t
    over = tx.rows(
        sa.select(i.c.id)
        .join(t, t.c.id == i.c.ticket_id)
        .where(i.c.state == "due", i.c.asked_by.is_(None), i.c.due_at <= tx.now)
        .order_by(BY_SEVERITY, t.c.opened_at.desc(), i.c.ticket_id.desc())
        .offset(BACKLOG)
        .limit(10_000)
    )
    drop(tx, [row.id for row in over], CROWDED)


def _drop_of(tx: Tx, ticket_ids: Iterable[int]) -> None:
    """What was to be looked at for its own sake is not, now that the ticket is closed."""
    for part in parts(list(ticket_ids), 500):
        rows = tx.rows(
            sa.select(i.c.id)
            .join(tickets.t, tickets.t.c.id == i.c.ticket_id)
            .where(i.c.ticket_id.in_(part), i.c.state == "due", i.c.asked_by.is_(None))
            .where(tickets.t.c.resolved_at.is_not(None))
        )
        drop(tx, [row.id for row in rows], CLOSED)
