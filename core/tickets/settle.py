"""Writing one tick's plan, in steps of at most SLICE rows, each with its events.

A step takes a few milliseconds and leaves what may be committed: between two of them a person's click
may have its turn, or the process may end. The last step of a tick that changed anything emits one
`tick.settled`, which releases the digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from core import events, schema
from core.db import Tx
from core.events import New
from core.invariant import Violation
from core.tickets import recovery
from core.tickets.again import Sighting, Touch
from core.tickets.known import parts
from core.tickets.plan import Condition, Opening, Plan, Reopening
from core.tickets.store import t

_encode = msgspec.json.Encoder().encode


class Settling:
    """Writes one plan. `changed` is how many tickets it has visibly changed so far; `ended`: whether
    the tick before has told of its end."""

    def __init__(self, subject: str, plan: Plan, *, ended: bool = True) -> None:
        self.changed = 0
        self._owed = not ended
        self._subject = subject
        self._plan = plan
        self._ids: dict[str, int] = {}

    def steps(self) -> Iterator[Callable[[Tx], None]]:
        """What to write, in order."""
        yield self._number
        for part in slices(self._plan):
            yield partial(self._write, part)
        yield self._end

    def _number(self, tx: Tx) -> None:
        number(tx, self._plan.opens, self._ids)

    def _write(self, part: Plan, tx: Tx) -> None:
        self.changed += write_part(tx, part, self._subject, self._ids)

    def _end(self, tx: Tx) -> None:
        if self.changed or self._owed:
            end(tx, self._subject, self._ids)


def slices(plan: Plan) -> Iterator[Plan]:
    """The plan in parts of at most SLICE rows: openings first, and causes before symptoms."""
    for seen in plan.sightings:
        for ids in parts(seen.ids):
            yield Plan(sightings=[replace(seen, ids=ids)])
    for field in fields(Plan):
        if field.name != "sightings":
            for part in parts(getattr(plan, field.name)):
                yield Plan(**{field.name: part})


def write(tx: Tx, plan: Plan, subject: str, ids: dict[str, int], *, last: bool) -> int:
    """Write a small plan at once; returns how many tickets visibly changed.

    `ids` collects the ids of tickets opened, by fingerprint. `last` ends the tick.
    """
    number(tx, plan.opens, ids)
    changed = write_part(tx, plan, subject, ids)
    if last:
        end(tx, subject, ids)
    return changed


def number(tx: Tx, opens: list[Opening], ids: dict[str, int]) -> None:
    """Give every ticket that will open its id, into `ids` by fingerprint."""
    if opens:
        numbers = tx.next_ids("tickets", len(opens))
        ids.update(zip((o.violation.fingerprint for o in opens), numbers, strict=True))


def write_part(tx: Tx, part: Plan, subject: str, ids: dict[str, int]) -> int:
    """Write part of a plan whose new tickets have their ids; how many tickets visibly changed."""
    news: list[New] = []
    _open(tx, subject, part.opens, ids)
    _reopen(tx, part.reopens, ids, news)
    _touch(tx, part.touches, news)
    _sight(tx, part.sightings)
    recovery.healthy_again(tx, part.healthy, news)
    recovery.remove(tx, part.removed, news)
    recovery.unshut(tx, part.unshut)
    recovery.surface(tx, part.surfaced, news)
    recovery.rejoin(tx, part.rejoins, ids, news)
    _remember(tx, subject, part.waiting, part.forgotten)
    events.emit_all(tx, news)
    return len(part.opens) + len(news)


def end(tx: Tx, subject: str, ids: dict[str, int]) -> None:
    """The tick is complete: one event says so."""
    events.emit(tx, New("tick.settled", subject=subject, data={"opened": len(ids)}))


_OPEN_COLUMNS = (
    "id",
    "subject",
    "invariant",
    "entity",
    "fingerprint",
    "severity",
    "title",
    "summary",
    "detail",
    "opened_at",
    "last_seen_at",
    "seen_period_s",
    "count",
    "previous_id",
    "explained_by",
    "adopted",
)


def _detail(v: Violation) -> str:
    # The stored form of a Detail, without making ten thousand of them in a storm.
    found = v.found
    detail = {
        "value": found.value,
        "threshold": found.threshold,
        "unit": found.unit,
        "facts": dict(found.facts),
    }
    return _encode(detail).decode()


def _open(tx: Tx, subject: str, opens: list[Opening], ids: dict[str, int]) -> None:
    if not opens:
        return
    rows = []
    for o in opens:
        v, found = o.violation, o.violation.found
        rows.append(
            (
                ids[v.fingerprint],
                v.subject,
                v.invariant,
                v.entity,
                v.fingerprint,
                str(v.severity),
                found.title,
                found.summary,
                _detail(v),
                tx.now,
                v.at,
                v.period_s,
                1,
                o.previous_id,
                ids.get(o.explained_by) if isinstance(o.explained_by, str) else o.explained_by,
                o.adopted,
            )
        )
    tx.bulk_insert(t, _OPEN_COLUMNS, rows)
    events.emit_each(tx, "ticket.opened", subject, [row[0] for row in rows])


def _reopen(tx: Tx, reopens: list[Reopening], ids: dict[str, int], news: list[New]) -> None:
    if not reopens:
        return
    # A person may have changed one since the plan was made: look again, inside.
    ended = _ended_at(tx, [r.ticket.id for r in reopens])
    rows = []
    for r in reopens:
        v, ticket = r.violation, r.ticket
        if ended.get(ticket.id) != ticket.resolved_at:
            continue
        cause = ids.get(r.explained_by) if isinstance(r.explained_by, str) else r.explained_by
        row = {f"b_{k}": value for k, value in _seen(v).items()}
        rows.append(row | {"b_id": ticket.id, "b_cause": cause if cause != ticket.id else None})
        ids[v.fingerprint] = ticket.id
        news.append(New("ticket.reopened", v.subject, ticket.id))
    seen = tuple(_seen(reopens[0].violation))
    # By id alone: with `resolved_at` too, SQLite may look through all that ended at one instant.
    statement = (
        sa.update(t)
        .where(t.c.id == sa.bindparam("b_id"))
        .values(
            **{k: sa.bindparam(f"b_{k}") for k in seen},
            resolved_at=None,
            resolved_by=None,
            resolution=None,
            resolve_reason=None,
            reminded_at=None,
            reopened_at=tx.now,
            flap_count=t.c.flap_count + 1,
            explained_by=sa.bindparam("b_cause"),
            count=t.c.count + 1,
            version=t.c.version + 1,
        )
    )
    tx.many(statement, rows)


def _ended_at(tx: Tx, ids: list[int]) -> dict[int, float]:
    found: dict[int, float] = {}
    for part in parts(ids, 500):
        rows = tx.rows(
            sa.select(t.c.id, t.c.resolved_at).where(t.c.id.in_(part), t.c.resolved_at.is_not(None))
        )
        found.update({r.id: r.resolved_at for r in rows})
    return found


def _seen(v: Violation) -> dict[str, Any]:
    return {
        "severity": str(v.severity),
        "title": v.found.title,
        "summary": v.found.summary,
        "detail": _detail(v),
        "last_seen_at": v.at,
        "seen_period_s": v.period_s,
        "healthy_since": None,
        "healthy_at": None,
        "healthy_for_s": 0.0,
    }


def _touch(tx: Tx, touches: list[Touch], news: list[New]) -> None:
    if not touches:
        return
    keys = tuple(_seen(touches[0].violation))
    statement = (
        sa.update(t)
        .where(t.c.id == sa.bindparam("b_id"), t.c.resolved_at.is_(None))
        .values(
            **{k: sa.bindparam(f"b_{k}") for k in keys},
            count=t.c.count + 1,
            version=t.c.version + sa.bindparam("b_visible"),
        )
    )
    rows = []
    for touch in touches:
        row = {f"b_{k}": value for k, value in _seen(touch.violation).items()}
        rows.append(row | {"b_id": touch.ticket.id, "b_visible": 1 if touch.change else 0})
        if touch.change:
            before = {"from": str(touch.ticket.severity)}
            news.append(
                New(f"ticket.{touch.change}", touch.ticket.subject, touch.ticket.id, data=before)
            )
    tx.many(statement, rows)


def _sight(tx: Tx, sightings: list[Sighting]) -> None:
    for seen in sightings:
        tx.run(
            sa.update(t)
            .where(t.c.id.in_(seen.ids), t.c.resolved_at.is_(None))
            .values(last_seen_at=seen.at, seen_period_s=seen.period_s, count=t.c.count + 1)
        )


def _remember(tx: Tx, subject: str, waiting: list[Condition], forgotten: list[str]) -> None:
    c = schema.conditions
    for w in waiting:
        tx.upsert(
            c,
            {
                "fingerprint": w.fingerprint,
                "subject": subject,
                "since": w.since,
                "last_at": w.last_at,
                "broken_for_s": w.broken_for_s,
            },
            ["fingerprint"],
        )
    for part in parts(forgotten, 500):
        tx.run(sa.delete(c).where(c.c.fingerprint.in_(part)))
