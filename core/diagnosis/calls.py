"""What calls for a look at a ticket, and what makes one pointless.

A ticket that nothing explains gets a look when it opens and one whenever it worsens (those after 30 s
and 5 min follow from the first). In a storm the most severe and newest go first; what does not fit
is dropped, with the reason in its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from core import events
from core.db import Tx
from core.diagnosis.looks import BY_SEVERITY, CLOSED, drop, i, row_of
from core.diagnosis.model import Reason
from core.diagnosis.store import LOOKS
from core.rehearsal import INVARIANT as REHEARSAL
from core.subject import OWN
from core.tickets import store as tickets
from core.tickets.model import Ticket

BACKLOG = 50
"""Looks that may wait at once, those of people aside: at two at a time, some 50 s of a cluster
whose sources hang."""
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
    about = tickets.by_ids(tx, {**first, **worse})
    _queue(tx, Reason.OPENED, [about[one] for one in first if one in about])
    _queue(tx, Reason.WORSENED, [about[one] for one in worse if one in about])
    _drop_of(tx, ended)
    if about:
        tx.topics.add(LOOKS)


def _queue(tx: Tx, reason: Reason, found: list[Ticket]) -> None:
    """One look each, for those that can be looked at; at most BACKLOG wait in the end."""
    some = [one for one in found if one.open and one.explained_by is None and _ours(one)]
    known = [one for one in some if one.adopted and reason is Reason.OPENED]
    _note_dropped(tx, reason, known, KNOWN)
    fresh = sorted((one for one in some if one not in known), key=_urgency)
    for one in fresh[:BACKLOG]:
        tx.insert_new(i, row_of(tx, one.id, reason, tx.now))
    _note_dropped(tx, reason, fresh[BACKLOG:], CROWDED)
    if fresh:
        _trim(tx)


def _ours(ticket: Ticket) -> bool:
    """Our own troubles and rehearsals have no cluster behind them that could be looked at."""
    return ticket.subject != OWN and ticket.invariant != REHEARSAL


def _urgency(ticket: Ticket) -> tuple[int, float, int]:
    return (-ticket.severity.rank, -ticket.opened_at, -ticket.id)


def _note_dropped(tx: Tx, reason: Reason, some: Sequence[Ticket], why: str) -> None:
    columns = ("ticket_id", "reason", "due_at", "state", "ended_at", "error")
    rows = [(one.id, str(reason), tx.now, "dropped", tx.now, why) for one in some]
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
    wanted = list(ticket_ids)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        rows = tx.rows(
            sa.select(i.c.id)
            .join(tickets.t, tickets.t.c.id == i.c.ticket_id)
            .where(i.c.ticket_id.in_(part), i.c.state == "due", i.c.asked_by.is_(None))
            .where(tickets.t.c.resolved_at.is_not(None))
        )
        drop(tx, [row.id for row in rows], CLOSED)
