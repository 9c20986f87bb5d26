"""Where each ticket is told: on a card of its own, under its cause, or gathered with many others.

Every ticket is placed once; what is not placed yet is what has not been told. Many are looked up once
and written SLICE by SLICE, so that ten thousand tickets hold nobody up.

References: "ticket:42" is a card, "storm:7" and "adoption:3" gather many, "maintenance:5" holds
back what opened during an announced pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from core import schema
from core.db import Tx
from core.tickets.known import parts

p = schema.placements
t = schema.tickets
_COLUMNS = ("ticket_id", "channel", "place", "ref", "at")
SLICE = 1000
"""Tickets placed in one step: as many as take about 3 ms."""
LATELY_S = 3600.0
"""A ticket that ended before it could be told is still told for this long."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one ticket is told. `place` is "card", "storm", "adoption" or "episode"."""

    ticket_id: int
    channel: str
    place: str
    ref: str
    at: float


class Unplaced(NamedTuple):
    """A ticket that is not placed yet; `cause` is the ticket that explains it."""

    id: int
    severity: str
    adopted: bool
    cause: int | None


def card_ref(ticket_id: int) -> str:
    """The reference of a ticket's own card."""
    return f"ticket:{ticket_id}"


def ticket_of(ref: str) -> int | None:
    """The ticket whose card a reference names."""
    kind, _, number = ref.partition(":")
    return int(number) if kind == "ticket" and number.isdigit() else None


def of(tx: Tx, ticket_ids: Iterable[int]) -> dict[int, Placement]:
    """The placements of several tickets, by ticket; those not placed are left out."""
    found: dict[int, Placement] = {}
    for part in parts(sorted(set(ticket_ids)), 500):
        rows: Sequence[Any] = tx.rows(sa.select(p).where(p.c.ticket_id.in_(part)))
        found.update((row[0], Placement(*row)) for row in rows)
    return found


def unplaced(tx: Tx, subject: str) -> list[Unplaced]:
    """What of a subject is not placed yet, oldest first."""
    rows: Sequence[Any] = tx.rows(_which(subject, tx.now))
    return sorted(Unplaced(*row) for row in rows)


def few_unplaced(tx: Tx, subject: str) -> list[Unplaced] | None:
    """The same, or None if that is more than SLICE: then it is looked up where nobody waits."""
    rows: Sequence[Any] = tx.rows(_which(subject, tx.now).limit(SLICE + 1))
    return sorted(Unplaced(*row) for row in rows) if len(rows) <= SLICE else None


def _which(subject: str, now: float) -> sa.Select[Any]:
    told = sa.exists().where(p.c.ticket_id == t.c.id)
    lately = sa.or_(t.c.resolved_at.is_(None), t.c.resolved_at > now - LATELY_S)
    return sa.select(t.c.id, t.c.severity, t.c.adopted, t.c.explained_by).where(
        t.c.subject == subject, lately, ~told
    )


def subjects_with_unplaced(tx: Tx) -> list[str]:
    """The subjects that have tickets which are not placed (after a start)."""
    names = [r.name for r in tx.rows(sa.select(schema.subjects.c.name))]
    return [one for one in names if few_unplaced(tx, one) != []]


def put_new(tx: Tx, ticket_ids: Sequence[int], channel: str, place: str, ref: str) -> None:
    """Place tickets that are not placed yet together."""
    tx.bulk_insert(p, _COLUMNS, [(one, channel, place, ref, tx.now) for one in ticket_ids])


def put_symptoms(tx: Tx, ticket_ids: Sequence[int]) -> tuple[int, list[tuple[int, int]]]:
    """Place unplaced symptoms, at most SLICE, where their cause is told.

    Returns how many had such a place, and pairs (cause, symptom) of those that joined a card.
    """
    cause = p.alias("cause")
    chosen = (
        sa.select(
            t.c.id,
            cause.c.channel,
            sa.case((cause.c.place == "card", "episode"), else_=cause.c.place),
            cause.c.ref,
            sa.literal(tx.now),
        )
        .join_from(t, cause, cause.c.ticket_id == t.c.explained_by)
        .where(t.c.id.in_(ticket_ids))
    )
    joined: Sequence[Any] = tx.rows(
        chosen.with_only_columns(t.c.explained_by, t.c.id)
        .where(cause.c.place == "card")
        .order_by(t.c.id)
    )
    n = tx.changed(sa.insert(p).from_select(_COLUMNS, chosen))
    return n, [(cause_id, symptom_id) for cause_id, symptom_id in joined]


def put(tx: Tx, placed: Sequence[Placement]) -> None:
    """Place single tickets; one that was placed before moves."""
    for part in parts([one.ticket_id for one in placed], 500):
        tx.run(sa.delete(p).where(p.c.ticket_id.in_(part)))
    tx.bulk_insert(p, _COLUMNS, [(o.ticket_id, o.channel, o.place, o.ref, o.at) for o in placed])


def unplace(tx: Tx, ticket_ids: Iterable[int]) -> None:
    """These are to be told elsewhere from now on."""
    for part in parts(sorted(set(ticket_ids)), 500):
        tx.run(sa.delete(p).where(p.c.ticket_id.in_(part)))


def subjects_at(tx: Tx, ref: str) -> list[str]:
    """The subjects that have open tickets at a reference."""
    rows = tx.rows(
        sa.select(t.c.subject)
        .join_from(t, p, p.c.ticket_id == t.c.id)
        .where(p.c.ref == ref, t.c.resolved_at.is_(None))
        .distinct()
    )
    return [r.subject for r in rows]


def release(tx: Tx, ref: str) -> int:
    """Open tickets placed at `ref` are unplaced again (a pause is over); how many."""
    still = sa.select(t.c.id).where(t.c.resolved_at.is_(None))
    return tx.changed(sa.delete(p).where(p.c.ref == ref, p.c.ticket_id.in_(still)))


def cards_since(tx: Tx, channel: str, since: float) -> int:
    """How many cards a channel got since then."""
    return int(
        tx.value(
            sa.select(sa.func.count()).where(
                p.c.channel == channel, p.c.place == "card", p.c.at >= since
            )
        )
        or 0
    )


def purge(tx: Tx, _before: float, limit: int = 500) -> int:
    """Forget the placements of tickets that are themselves forgotten."""
    kept = sa.exists().where(t.c.id == p.c.ticket_id)
    gone = sa.select(p.c.ticket_id).where(~kept).limit(limit)
    return tx.changed(sa.delete(p).where(p.c.ticket_id.in_(gone)))


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A critical ticket that nobody can have read about."""

    ticket_id: int
    since: float


def undelivered_criticals(tx: Tx, before: float, limit: int) -> list[Undelivered]:
    """Critical tickets whose message has been due since `before` and has not arrived.

    Tickets that are held, explained, or kept back by a pause do not count.
    """
    o = schema.outbox
    told = sa.exists().where(
        o.c.ref == p.c.ref, o.c.kind.in_(("card", "storm", "adoption")), o.c.ts.is_not(None)
    )
    paged_in_vain = sa.exists().where(
        o.c.ref == p.c.ref, o.c.kind == "page", o.c.ts.is_(None), o.c.due_at <= before
    )
    asked = sa.exists().where(
        o.c.ref == sa.literal("ticket:") + sa.cast(t.c.id, sa.String), o.c.kind == "trigger"
    )
    rows: Sequence[Any] = tx.rows(
        sa.select(t.c.id, t.c.opened_at)
        .join_from(t, p, p.c.ticket_id == t.c.id, isouter=True)
        .where(
            t.c.resolved_at.is_(None),
            t.c.severity == "critical",
            t.c.held_at.is_(None),
            t.c.explained_by.is_(None),
            sa.func.coalesce(t.c.reopened_at, t.c.opened_at) <= before,
            sa.or_(p.c.ref.is_(None), p.c.ref.not_like("maintenance:%")),
            sa.or_(p.c.ref.is_(None), ~told, paged_in_vain),
            ~asked,
        )
        .order_by(t.c.id)
        .limit(limit)
    )
    return [Undelivered(r.id, r.opened_at) for r in rows]


def changes(tx: Tx, subject: str, since: float, until: float) -> tuple[int, int]:
    """How many tickets of a subject opened (or came back) and how many ended between two times."""
    came = sa.func.coalesce(t.c.reopened_at, t.c.opened_at)

    def n(when: sa.ColumnElement[Any]) -> int:
        within = sa.and_(t.c.subject == subject, when >= since, when <= until)
        return int(tx.value(sa.select(sa.func.count()).where(within)) or 0)

    return n(came), n(t.c.resolved_at)


def symptom_count(tx: Tx, ticket_id: int) -> int:
    """How many tickets one explains."""
    return int(tx.value(sa.select(sa.func.count()).where(t.c.explained_by == ticket_id)) or 0)


def told_at(tx: Tx, ts: str) -> str | None:
    """The reference of the message that the outside calls `ts` (the root of a thread); None if it is
    none of ours. Slack's ts holds microseconds: that two channels agree in one is not to be expected.
    """
    o = schema.outbox
    found = tx.value(sa.select(o.c.ref).where(o.c.ts == ts).order_by(o.c.seq).limit(1))
    return None if found is None else str(found)
