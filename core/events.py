"""Facts, appended in the same commit as the change that they tell of, and those who follow them.

A follower has a cursor of its own. `follow` hands it events in the order of their commits, in one
transaction with the move of the cursor, so that what it derives is derived once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from core import schema
from core.db import Database, Tx

TOPIC = "events"
BATCH = 500
"""Events read at once."""
STEP = 40
"""Events handed to a follower at once: the longest that somebody who writes waits for it."""
STEPS = 125
"""Of these, so many in one transaction while nobody waits."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `actor` is "slack:U1", "cli:name" or None for the program itself."""

    id: int
    at: float
    kind: str
    subject: str | None
    ticket_id: int | None
    actor: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class New:
    """An event about to be appended."""

    kind: str
    subject: str | None = None
    ticket_id: int | None = None
    actor: str | None = None
    data: Mapping[str, Any] | None = None


_COLUMNS = ("at", "kind", "subject", "ticket_id", "actor", "data")


def _text(data: Mapping[str, Any] | None) -> str:
    return _encode(data).decode() if data else "{}"


def emit(tx: Tx, *news: New) -> None:
    """Append events to the transaction."""
    emit_all(tx, news)


def emit_all(tx: Tx, news: Iterable[New]) -> None:
    """Append many events to the transaction, in order."""
    rows = [(tx.now, n.kind, n.subject, n.ticket_id, n.actor, _text(n.data)) for n in news]
    if rows:
        tx.bulk_insert(schema.events, _COLUMNS, rows)
        tx.topics.add(TOPIC)


def emit_each(tx: Tx, kind: str, subject: str, ticket_ids: Iterable[int]) -> None:
    """Append one event of a kind for each of many tickets, without making a `New` of each."""
    rows = [(tx.now, kind, subject, number, None, "{}") for number in ticket_ids]
    if rows:
        tx.bulk_insert(schema.events, _COLUMNS, rows)
        tx.topics.add(TOPIC)


def since(tx: Tx, event_id: int, limit: int = BATCH, skip: tuple[str, ...] = ()) -> list[Event]:
    """Events after `event_id`, oldest first, without those of the kinds in `skip`."""
    e = schema.events
    where = [e.c.id > event_id]
    if skip:
        where.append(e.c.kind.not_in(skip))
    return [_event(r) for r in tx.rows(sa.select(e).where(*where).order_by(e.c.id).limit(limit))]


def get(tx: Tx, event_id: int) -> Event | None:
    """The event with this number, unless it was forgotten."""
    row = tx.row(sa.select(schema.events).where(schema.events.c.id == event_id))
    return None if row is None else _event(row)


def newest(tx: Tx) -> int:
    """The id of the newest event; 0 if there is none."""
    return tx.value(sa.select(sa.func.max(schema.events.c.id))) or 0


def of_ticket(tx: Tx, ticket_id: int, limit: int = 200) -> list[Event]:
    """The newest events of one ticket, oldest first."""
    e = schema.events
    latest = sa.select(e).where(e.c.ticket_id == ticket_id).order_by(e.c.id.desc()).limit(limit)
    return [_event(r) for r in reversed(tx.rows(latest))]


def _event(row: sa.Row[Any]) -> Event:
    return Event(
        id=row.id,
        at=row.at,
        kind=row.kind,
        subject=row.subject,
        ticket_id=row.ticket_id,
        actor=row.actor,
        data=msgspec.json.decode(row.data),
    )


def cursor(tx: Tx, consumer: str) -> int:
    """The last event that `consumer` has dealt with; 0 if none."""
    c = schema.cursors
    return tx.value(sa.select(c.c.event_id).where(c.c.consumer == consumer)) or 0


def move_cursor(tx: Tx, consumer: str, event_id: int) -> None:
    """`consumer` has dealt with everything up to `event_id`."""
    tx.upsert(schema.cursors, {"consumer": consumer, "event_id": event_id}, ["consumer"])


Handle = Callable[[Tx, list[Event]], None]


def _step(tx: Tx, consumer: str, handle: Handle, skip: tuple[str, ...]) -> int:
    seen = cursor(tx, consumer)
    newest = tx.value(sa.select(sa.func.max(schema.events.c.id))) or 0
    batch = since(tx, seen, STEP, skip)
    if batch:
        handle(tx, batch)
    # A short batch has passed over everything there was, a full one only what it holds.
    reached = batch[-1].id if len(batch) == STEP else max(newest, seen)
    if reached > seen:
        move_cursor(tx, consumer, reached)
    return len(batch)


def _behind(tx: Tx, consumer: str) -> bool:
    c = schema.cursors
    return newest(tx) > (tx.value(sa.select(c.c.event_id).where(c.c.consumer == consumer)) or 0)


async def catch_up(
    db: Database, consumer: str, handle: Handle, epoch: int, skip: tuple[str, ...] = ()
) -> int:
    """Hand `consumer` everything that it has not seen; how many events that were."""
    total = 0
    while await db.read(_behind, consumer):
        total += sum(await db.write_steps(epoch, _steps(consumer, handle, skip)))
    return total


def _steps(consumer: str, handle: Handle, skip: tuple[str, ...]) -> Iterator[Callable[[Tx], int]]:
    """A batch each, until one is short: that was the last."""
    more = True

    def step(tx: Tx) -> int:
        nonlocal more
        n = _step(tx, consumer, handle, skip)
        more = n == STEP
        return n

    for _ in range(STEPS):
        if not more:
            return
        yield step


async def follow(
    db: Database, consumer: str, handle: Handle, epoch: int, skip: tuple[str, ...] = ()
) -> None:
    """Hand `consumer` all events, now and as they come, until cancelled.

    `handle(tx, events)` runs in the transaction that moves the cursor. If it raises, nothing
    moved, and the error ends this call: the caller decides when to try again. Events of the kinds
    in `skip` are passed over without being read (a storm opens ten thousand tickets at once).
    """
    while True:
        seen = db.news.seen(TOPIC)
        await catch_up(db, consumer, handle, epoch, skip)
        await db.news.wait(TOPIC, seen)


def purge(tx: Tx, before: float, limit: int = 5000) -> int:
    """Forget events older than `before` that every follower has dealt with."""
    e, c = schema.events, schema.cursors
    lowest = tx.value(sa.select(sa.func.min(c.c.event_id)))
    if lowest is None:
        return 0
    old = sa.select(e.c.id).where(e.c.at < before, e.c.id <= lowest).order_by(e.c.id).limit(limit)
    return tx.changed(sa.delete(e).where(e.c.id.in_(old)))
