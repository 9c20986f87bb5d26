"""The queue of looks at tickets: which are due, who works on them, and why one is not made.

A look is a row. What calls for one is `core.diagnosis.calls`; people ask for more
(`core.diagnosis.store.ask`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.db import Tx
from core.diagnosis import last_word
from core.diagnosis.model import Reason
from core.diagnosis.store import LOOKS
from core.redact import redact
from core.schema_diagnosis import investigations
from core.tickets import store as tickets
from core.tickets.model import Ticket

i = investigations
LATER_S = {Reason.SOON: 30.0, Reason.LATER: 300.0}
"""When a ticket is looked at again: PD needs 10-20 s to notice a silent store, metrics 15-30 s."""
ATTEMPTS = 3
"""A look that failed so often is given up."""
RETRY_S = 2.0
"""Rest before a look that failed is tried again, times the attempts so far."""
MENDING_S = 60.0
"""So long a look that nobody asked for waits while its ticket is seen healthy and not closed yet:
by then it is, and the look is not made, or it is broken again, and there is something to see."""
LOOK_AGAIN_S = 5.0
MAX_ERROR = 500
CLOSED = "the ticket was closed meanwhile"
BY_SEVERITY = sa.case(
    (tickets.t.c.severity == "critical", 0), (tickets.t.c.severity == "warning", 1), else_=2
)


@dataclass(frozen=True, slots=True)
class Look:
    """One look that somebody works on: `attempts` counts this one. `asked` is a question, "" for a
    diagnosis; `asked_by` None: nobody asked, the ticket did."""

    id: int
    ticket: Ticket
    reason: Reason
    asked_by: str | None
    asked: str
    attempts: int


def drop(tx: Tx, ids: list[int], why: str) -> None:
    """These looks are not made; `why` is kept with them."""
    values = {"state": "dropped", "ended_at": tx.now, "error": why[:MAX_ERROR]}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        tx.run(sa.update(i).where(i.c.id.in_(part), i.c.state != "done").values(**values))


def row_of(tx: Tx, ticket_id: int, reason: Reason, due_at: float) -> dict[str, Any]:
    """A look that is to be made, as a row."""
    return {"ticket_id": ticket_id, "reason": str(reason), "due_at": due_at, "state": "due"}


def _ready(now: float, epoch: int, mine: Collection[int]) -> sa.ColumnElement[bool]:
    """What is due, and what nobody works on any more: a process that is gone did, or a failure was
    so complete that it could not be noted."""
    left = sa.or_(i.c.epoch < epoch, i.c.id.not_in(list(mine)))
    return sa.or_(
        sa.and_(i.c.state == "due", i.c.due_at <= now), sa.and_(i.c.state == "working", left)
    )


def any_ready(tx: Tx, epoch: int, mine: Collection[int]) -> bool:
    """Whether a claim would find anything beside what is in work here (`mine`)."""
    return tx.value(sa.select(i.c.id).where(_ready(tx.now, epoch, mine)).limit(1)) is not None


def next_due(tx: Tx) -> float | None:
    """When the next look is due (seconds since the epoch); None if none waits."""
    found = tx.value(sa.select(sa.func.min(i.c.due_at)).where(i.c.state == "due"))
    return None if found is None else float(found)


def claim(tx: Tx, epoch: int, mine: Collection[int], limit: int) -> list[Look]:
    """Begin the looks that matter most: people's first, then the worst tickets, then the newest.

    What has become pointless is dropped on the way, and what was begun ATTEMPTS times is given up.
    """
    t = tickets.t
    rows = tx.rows(
        sa.select(i)
        .join(t, t.c.id == i.c.ticket_id, isouter=True)
        .where(_ready(tx.now, epoch, mine))
        .order_by(i.c.asked_by.is_(None), BY_SEVERITY, t.c.opened_at.desc(), i.c.id)
        .limit(limit)
    )
    about = tickets.by_ids(tx, {row.ticket_id for row in rows})
    return [
        begun
        for row in rows
        if (begun := _begin(tx, row, about.get(row.ticket_id), epoch)) is not None
    ]


def _begin(tx: Tx, row: sa.Row[Any], ticket: Ticket | None, epoch: int) -> Look | None:
    if ticket is None or (why := _pointless(row, ticket)):
        drop(tx, [row.id], "the ticket is no longer kept" if ticket is None else why)
        return None
    if row.attempts >= ATTEMPTS:
        _give_up(tx, row, ticket, row.error or "the program ended each time while it worked")
        return None
    if _mending(row, ticket, tx.now):
        tx.run(sa.update(i).where(i.c.id == row.id).values(due_at=tx.now + LOOK_AGAIN_S))
        return None
    values = {"state": "working", "attempts": row.attempts + 1, "epoch": epoch}
    tx.exactly_one(
        sa.update(i)
        .where(i.c.id == row.id, i.c.state == row.state)
        .values(started_at=tx.now, **values)
    )
    if row.reason == Reason.OPENED:
        _plan_later(tx, ticket)
    asked = (row.asked_by, row.asked)
    return Look(row.id, ticket, Reason(row.reason), *asked, row.attempts + 1)


def _pointless(row: sa.Row[Any], ticket: Ticket) -> str:
    if row.stopped_by is not None:
        return "stopped"
    if row.asked_by is not None:
        return ""
    if not ticket.open:
        return CLOSED
    return f"ticket {ticket.explained_by} explains it" if ticket.explained_by is not None else ""


def _mending(row: sa.Row[Any], ticket: Ticket, now: float) -> bool:
    since = ticket.healthy_since
    planned = row.asked_by is None and row.state == "due" and row.reason in LATER_S
    return planned and since is not None and now - since < MENDING_S


def _plan_later(tx: Tx, ticket: Ticket) -> None:
    began = max(ticket.opened_at, ticket.reopened_at or 0.0)
    for reason, after in LATER_S.items():
        if began + after > tx.now:
            tx.insert_new(i, row_of(tx, ticket.id, reason, began + after))


def finish(tx: Tx, look_id: int, epoch: int, why: str = "") -> None:
    """The look is made; `why` a model added nothing to it, if one was asked and did not."""
    mine = (i.c.id == look_id, i.c.state == "working", i.c.epoch == epoch)
    tx.exactly_one(
        sa.update(i)
        .where(*mine)
        .values(state="done", ended_at=tx.now, error=why[:MAX_ERROR] or None),
        "That look is no longer ours.",
    )
    tx.topics.add(LOOKS)


def fail(tx: Tx, look: Look, epoch: int, error: str) -> None:
    """It went wrong: try again a little later, or give it up. A look that is no longer ours, or
    was finished in spite of the error, is left alone."""
    said = redact(error)[:MAX_ERROR]
    tx.topics.add(LOOKS)
    mine = (i.c.id == look.id, i.c.state == "working", i.c.epoch == epoch)
    if tx.value(sa.select(i.c.id).where(*mine)) is None:
        return
    if look.attempts >= ATTEMPTS:
        _give_up(tx, look, look.ticket, said)
    elif look.asked_by is None and _waits(tx, look):
        drop(tx, [look.id], f"{said}; the same look waits already")
    else:
        again = {"state": "due", "due_at": tx.now + RETRY_S * look.attempts, "error": said}
        tx.run(sa.update(i).where(*mine).values(**again))


def _waits(tx: Tx, look: Look) -> bool:
    same = (i.c.ticket_id == look.ticket.id, i.c.reason == str(look.reason), i.c.state == "due")
    return tx.value(sa.select(i.c.id).where(*same).limit(1)) is not None


def _give_up(tx: Tx, row: sa.Row[Any] | Look, ticket: Ticket, error: str) -> None:
    why = f"It was tried {ATTEMPTS} times and failed: {error}"[:MAX_ERROR]
    drop(tx, [row.id], why)
    last_word.tell(tx, ticket, Reason(row.reason), row, why)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the newest look at a ticket stands: its state, and why it is not made, if so."""

    investigation_id: int
    state: str
    reason: Reason
    error: str
    asked_by: str | None
    stopped_by: str | None


def standing(tx: Tx, ticket_id: int) -> Standing | None:
    """The look that works on the ticket now, else the newest that has come due; None if none was."""
    rows = tx.rows(
        sa.select(i)
        .where(i.c.ticket_id == ticket_id, i.c.due_at <= tx.now)
        .order_by(i.c.state != "working", i.c.id.desc())
        .limit(1)
    )
    return _standing(rows[0]) if rows else None


def get(tx: Tx, investigation_id: int) -> Standing | None:
    """One look as it stands; None if there is none (any more)."""
    row = tx.row(sa.select(i).where(i.c.id == investigation_id))
    return None if row is None else _standing(row)


def _standing(row: sa.Row[Any]) -> Standing:
    return Standing(
        row.id, row.state, Reason(row.reason), row.error or "", row.asked_by, row.stopped_by
    )
