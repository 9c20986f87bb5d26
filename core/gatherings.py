"""Messages that gather many tickets: storms, and what was already broken when first seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from core import events, schema
from core.db import Tx
from core.errors import Invalid, NotFound
from core.invariant import Severity
from core.tickets import store
from core.tickets.model import Ticket

g = schema.gatherings
p = schema.placements
t = schema.tickets
KNOWN_BEFORE = "known before"
"""Why a ticket is held that was accepted as known."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """One gathering message. `kind` is "storm" or "adoption"; `closed_at` ends its growing."""

    ref: str
    kind: str
    channel: str
    subject: str | None
    opened_at: float
    last_at: float
    closed_at: float | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a gathering holds, counted. `kinds` are (invariant, how many), most first.

    `kinds` and `by_severity` count the open ones; all of them, once none is open.
    """

    total: int
    still_open: int
    held: int
    acknowledged: int
    by_severity: Mapping[Severity, int]
    kinds: tuple[tuple[str, int], ...]
    subjects: tuple[str, ...]


def _gathering(row: sa.Row[Any]) -> Gathering:
    values = row._asdict()
    values["data"] = msgspec.json.decode(values["data"])
    return Gathering(**values)


def get(tx: Tx, ref: str) -> Gathering | None:
    """The gathering with this reference."""
    row = tx.row(sa.select(g).where(g.c.ref == ref))
    return None if row is None else _gathering(row)


def living(
    tx: Tx, kind: str, channel: str, since: float, subject: str | None = None
) -> Gathering | None:
    """The gathering of a channel (and subject) that still grows: something joined since then."""
    where = [
        g.c.kind == kind,
        g.c.channel == channel,
        g.c.closed_at.is_(None),
        g.c.last_at >= since,
    ]
    if subject is not None:
        where.append(g.c.subject == subject)
    rows = tx.rows(sa.select(g).where(*where).order_by(g.c.opened_at.desc()).limit(1))
    return _gathering(rows[0]) if rows else None


def adopted(tx: Tx, subject: str | None) -> list[Gathering]:
    """The adoptions of one subject (None: of the only one that has any) that hold something open,
    newest first; empty where nobody has any. Invalid where it is not clear whose are meant,
    NotFound where others have some and that subject has none."""
    held = sa.select(p.c.ref).join(t, t.c.id == p.c.ticket_id).where(t.c.resolved_at.is_(None))
    rows = tx.rows(
        sa.select(g)
        .where(g.c.kind == "adoption", g.c.ref.in_(held))
        .order_by(g.c.opened_at.desc(), g.c.ref.desc())
        .limit(1000)
    )
    found = [_gathering(row) for row in rows]
    names = list(dict.fromkeys(one.subject or "" for one in found))
    if not found:
        return []
    told = ", ".join(names[:10])
    if subject is None and len(names) > 1:
        raise Invalid(f"Of which subject? There are {told}.")
    wanted = (subject or names[0]).lower()
    chosen = [one for one in found if (one.subject or "").lower() == wanted]
    if not chosen:
        raise NotFound(f"Nothing of that subject is from before watching began; of these: {told}.")
    return chosen


def begin(tx: Tx, kind: str, channel: str, subject: str | None) -> Gathering:
    """A new gathering, empty."""
    ref = f"{kind}:{tx.next_ids('gatherings', 1)[0]}"
    values = {
        "ref": ref,
        "kind": kind,
        "channel": channel,
        "subject": subject,
        "opened_at": tx.now,
        "last_at": tx.now,
        "closed_at": None,
        "data": "{}",
    }
    tx.run(sa.insert(g).values(**values))
    return Gathering(ref, kind, channel, subject, tx.now, tx.now, None, {})


def joined(tx: Tx, ref: str, **data: Any) -> None:
    """Tickets joined it now; `data` is remembered with it."""
    found = get(tx, ref)
    if found is None:
        return
    text = msgspec.json.encode({**found.data, **data}).decode()
    tx.run(sa.update(g).where(g.c.ref == ref).values(last_at=tx.now, data=text))


def moved(tx: Tx, ref: str, n: int, **data: Any) -> None:
    """`n` tickets got cards of their own; they still count to what was gathered."""
    found = get(tx, ref)
    if found is not None:
        joined(tx, ref, moved=int(found.data.get("moved", 0)) + n, **data)


def close_quiet(tx: Tx, before: float) -> list[str]:
    """Storms that nothing has joined since `before` stop growing; their references."""
    rows = tx.rows(
        sa.update(g)
        .where(g.c.closed_at.is_(None), g.c.last_at < before)
        .values(closed_at=tx.now)
        .returning(g.c.ref)
    )
    return [r.ref for r in rows]


def any_quiet(tx: Tx, before: float) -> bool:
    """Whether any storm has become quiet."""
    quiet = sa.select(g.c.ref).where(g.c.closed_at.is_(None), g.c.last_at < before).limit(1)
    return tx.value(quiet) is not None


_BY_SEVERITY = sa.case((t.c.severity == "critical", 0), (t.c.severity == "warning", 1), else_=2)


def tally(tx: Tx, ref: str) -> Tally:
    """What is gathered at `ref`, counted."""
    is_open = t.c.resolved_at.is_(None)
    kind = (t.c.invariant, t.c.severity, t.c.subject, is_open)
    counts = (sa.func.count(), sa.func.count(t.c.held_at), sa.func.count(t.c.acknowledged_by))
    rows: Sequence[Any] = tx.rows(
        sa.select(*kind, *counts)
        .join_from(p, t, t.c.id == p.c.ticket_id)
        .where(p.c.ref == ref)
        .group_by(*kind)
    )
    left = [row for row in rows if row[3]]
    kinds: Counter[str] = Counter()
    severities: Counter[Severity] = Counter()
    for invariant, severity, _subject, _open, n, _held, _owned in left or rows:
        kinds[invariant] += n
        severities[Severity(severity)] += n
    return Tally(
        total=sum(row[4] for row in rows),
        still_open=sum(row[4] for row in left),
        held=sum(row[5] for row in left),
        acknowledged=sum(row[6] for row in left),
        by_severity=dict(severities),
        kinds=tuple(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        subjects=tuple(sorted({row[2] for row in rows})),
    )


def members(tx: Tx, ref: str, limit: int, offset: int = 0) -> list[Ticket]:
    """The tickets gathered at `ref`: open ones first, worst first, then in order."""
    at_ref = sa.select(p.c.ticket_id).where(p.c.ref == ref)
    rows = tx.rows(
        sa.select(t)
        .where(t.c.id.in_(at_ref))
        .order_by(t.c.resolved_at.is_not(None), _BY_SEVERITY, t.c.id)
        .limit(limit)
        .offset(offset)
    )
    return [store.from_row(r) for r in rows]


def worst(tx: Tx, ref: str, limit: int = 5) -> list[Ticket]:
    """The worst open tickets gathered at `ref` that nothing else explains."""
    rows = tx.rows(
        sa.select(t)
        .join_from(p, t, t.c.id == p.c.ticket_id)
        .where(p.c.ref == ref, t.c.resolved_at.is_(None))
        .order_by(_BY_SEVERITY, t.c.explained_by.is_not(None), t.c.id)
        .limit(limit)
    )
    return [store.from_row(r) for r in rows]


def accept(tx: Tx, ref: str, by: str) -> int:
    """Accept as known: hold every open ticket gathered there until it is healthy; how many.

    One statement for all of them: a cluster may have had thousands of troubles before it was
    watched. What somebody holds already stays as it is. NotFound for a gathering that is forgotten.
    """
    if get(tx, ref) is None:
        raise NotFound("That list is no longer kept.")
    at_ref = sa.select(p.c.ticket_id).where(p.c.ref == ref)
    held = tx.rows(
        sa.update(t)
        .where(t.c.id.in_(at_ref), t.c.resolved_at.is_(None), t.c.held_at.is_(None))
        .values(
            held_at=tx.now,
            held_by=by,
            held_until=None,
            held_until_healthy=True,
            hold_reason=KNOWN_BEFORE,
            version=t.c.version + 1,
        )
        .returning(t.c.id, t.c.subject)
    )
    rows = sorted((r.id, r.subject) for r in held)
    events.emit_all(tx, [events.New("ticket.held", s, i, by) for i, s in rows])
    told = {"ref": ref, "held": len(rows)}
    events.emit(tx, events.New("gathering.accepted", actor=by, data=told))
    joined(tx, ref, accepted_by=by, accepted_at=tx.now)
    return len(rows)


def show(tx: Tx, ref: str, by: str, limit: int = 10) -> int:
    """Ask for cards of the worst open tickets gathered there; how many that will be."""
    if get(tx, ref) is None:
        raise NotFound("That list is no longer kept.")
    chosen = [k.id for k in members(tx, ref, limit) if k.open]
    told = {"ref": ref, "tickets": chosen}
    events.emit(tx, events.New("gathering.shown", actor=by, data=told))
    return len(chosen)


def purge(tx: Tx, before: float, limit: int = 100) -> int:
    """Forget gatherings that ended before `before` and hold no ticket any more."""
    kept = sa.exists().where(p.c.ref == g.c.ref)
    old = sa.select(g.c.ref).where(g.c.last_at < before, ~kept).limit(limit)
    return tx.changed(sa.delete(g).where(g.c.ref.in_(old)))
