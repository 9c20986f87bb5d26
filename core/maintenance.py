"""Announced quiet, and the pace of watching: what people set with `/monitor`, as rows.

A pause keeps observing and ticketing; it only keeps new tickets from paging and from posting cards.
It needs a reason and an end. Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core import events, schema
from core.db import Tx
from core.errors import Invalid, NotFound

MAX_PAUSE_S = 8 * 3600.0
"""The longest pause: one shift."""
MAX_REASON = 500
"""Characters of a reason that are kept."""
MIN_INTERVAL_S = 1.0
MAX_INTERVAL_S = 300.0
"""Slower than this, a store that is down would be told minutes late."""
_INTERVAL = "interval_s"

m = schema.maintenance
s = schema.subjects


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One pause. `subject` None means all subjects; `ended_at` None means that it is in effect."""

    id: int
    subject: str | None
    started_at: float
    until: float
    by: str
    reason: str
    ended_at: float | None = None

    def covers(self, subject: str | None) -> bool:
        """Whether the pause is about `subject`."""
        return self.subject is None or self.subject == subject


@dataclass(frozen=True, slots=True)
class Watched:
    """A subject that is watched now."""

    name: str
    kind: str
    first_seen_at: float
    last_tick_at: float


def watched(tx: Tx) -> list[Watched]:
    """The subjects that are watched now, by name."""
    rows = tx.rows(
        sa.select(s.c.name, s.c.kind, s.c.first_seen_at, s.c.last_tick_at)
        .where(s.c.removed_at.is_(None))
        .order_by(s.c.name)
    )
    return [Watched(**row._asdict()) for row in rows]


def active(tx: Tx) -> list[Maintenance]:
    """The pauses in effect now, oldest first."""
    rows = tx.rows(sa.select(m).where(m.c.ended_at.is_(None), m.c.until > tx.now).order_by(m.c.id))
    return [Maintenance(**row._asdict()) for row in rows]


def get(tx: Tx, maintenance_id: int) -> Maintenance | None:
    """The pause with this number, in effect or over."""
    row = tx.row(sa.select(m).where(m.c.id == maintenance_id))
    return None if row is None else Maintenance(**row._asdict())


def pause(tx: Tx, subject: str | None, *, for_s: float, by: str, reason: str) -> Maintenance:
    """Announce quiet for `subject` (None: all) for `for_s` seconds.

    A pause of the same subject that is in effect is moved to the new end and reason, so that a
    person can prolong it. Invalid without a reason or with an end too far away; NotFound for a
    subject that is not watched.
    """
    said = " ".join(reason.split())[:MAX_REASON]
    _guard(tx, subject, for_s, said)
    until = tx.now + for_s
    for running in active(tx):
        if running.subject == subject:
            tx.exactly_one(
                sa.update(m)
                .where(m.c.id == running.id, m.c.ended_at.is_(None))
                .values(until=until, by=by, reason=said)
            )
            return _told(tx, "maintenance.changed", running.id, by)
    number = tx.run(
        sa.insert(m).values(
            subject=subject, started_at=tx.now, until=until, by=by, reason=said, ended_at=None
        )
    ).inserted_primary_key
    if number is None:
        raise RuntimeError("the database gave no number for a pause")
    return _told(tx, "maintenance.started", int(number[0]), by)


def _guard(tx: Tx, subject: str | None, for_s: float, reason: str) -> None:
    if not reason:
        raise Invalid("A pause needs a reason, so that others know: /monitor pause 30m upgrade")
    if for_s <= 0:
        raise Invalid("A pause must end in the future.")
    if for_s > MAX_PAUSE_S:
        raise Invalid("A pause can last 8 hours at most; announce it again if it takes longer.")
    if subject is not None:
        names = [one.name for one in watched(tx)]
        if subject not in names:
            known = ", ".join(names[:10]) or "none"
            raise NotFound(f"There is no subject called {subject}. Watched now: {known}.")


def resume(tx: Tx, by: str | None, maintenance_id: int | None = None) -> list[Maintenance]:
    """End one pause, or all; those that were ended by this, which may be none."""
    wanted = [one.id for one in active(tx) if maintenance_id in (None, one.id)]
    return [_end(tx, number, by) for number in wanted]


def deadline_passed(tx: Tx) -> bool:
    """Whether the time of a pause is over and nobody has said so yet."""
    over = sa.select(m.c.id).where(m.c.ended_at.is_(None), m.c.until <= tx.now).limit(1)
    return tx.value(over) is not None


def end_expired(tx: Tx) -> int:
    """End the pauses whose time is over; how many."""
    over = tx.rows(
        sa.select(m.c.id).where(m.c.ended_at.is_(None), m.c.until <= tx.now).order_by(m.c.id)
    )
    for row in over:
        _end(tx, row.id, None)
    return len(over)


def _end(tx: Tx, maintenance_id: int, by: str | None) -> Maintenance:
    tx.exactly_one(
        sa.update(m).where(m.c.id == maintenance_id, m.c.ended_at.is_(None)).values(ended_at=tx.now)
    )
    return _told(tx, "maintenance.ended", maintenance_id, by)


def _told(tx: Tx, kind: str, maintenance_id: int, by: str | None) -> Maintenance:
    found = get(tx, maintenance_id)
    if found is None:
        raise NotFound("That pause is gone.")
    data: dict[str, Any] = {"id": found.id, "until": found.until, "reason": found.reason}
    events.emit(tx, events.New(kind, subject=found.subject, actor=by, data=data))
    return found


def interval_s(tx: Tx) -> float | None:
    """The pace that people set, in seconds; None if nobody did and the configuration's holds."""
    found = tx.value(sa.select(schema.settings.c.value).where(schema.settings.c.name == _INTERVAL))
    return None if found is None else float(found)


def set_interval(tx: Tx, seconds: float, by: str) -> None:
    """Watch at this pace from now on. Invalid outside 1 s to 5 min."""
    if not MIN_INTERVAL_S <= seconds <= MAX_INTERVAL_S:
        raise Invalid("The interval must be between 1s and 5m, as in: /monitor interval 10s")
    values = {"name": _INTERVAL, "value": repr(seconds), "by": by, "at": tx.now}
    tx.upsert(schema.settings, values, ["name"])
    events.emit(tx, events.New("monitor.interval", actor=by, data={"seconds": seconds}))
