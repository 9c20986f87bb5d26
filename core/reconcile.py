"""Effects that did not simply arrive: of unknown outcome, refused, given up, or vanished later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from core import schema
from core.db import Tx
from core.outbox import LIVE, TOPIC, Row, as_row, encode, make_key, o


def ambiguous(tx: Tx, key: str, error: str, due_at: float) -> None:
    """It may or may not have happened: to be looked up at `due_at`, after the settle time."""
    tx.run(
        sa.update(o)
        .where(o.c.key == key)
        .values(state="ambiguous", due_at=due_at, error=error[:500])
    )
    tx.topics.add(TOPIC)


def recover(tx: Tx, epoch: int, due_at: float, channel: str | None = None) -> int:
    """Whatever was left under way is ambiguous until looked up; how many rows.

    Without `channel`: what an earlier holder left, after a start. With it: what this process left
    in that channel when recording its outcome failed.
    """
    left = o.c.epoch != epoch if channel is None else o.c.channel == channel
    n = tx.changed(
        sa.update(o)
        .where(LIVE, o.c.state == "sending", left)
        .values(state="ambiguous", due_at=due_at, error="the process ended while sending")
    )
    if n:
        tx.topics.add(TOPIC)
    return n


def ambiguous_due(tx: Tx, channel: str) -> list[Row]:
    """The ambiguous rows of a channel whose settle time is over: roots before replies."""
    found = tx.rows(
        sa.select(o)
        .where(LIVE, o.c.channel == channel, o.c.state == "ambiguous", o.c.due_at <= tx.now)
        .order_by(o.c.parent_key.is_not(None), o.c.seq)
    )
    return [as_row(r) for r in found]


def look_later(tx: Tx, key: str, error: str, due_at: float) -> None:
    """It could not be looked up: ask again at `due_at`."""
    tx.run(
        sa.update(o)
        .where(o.c.key == key, o.c.state == "ambiguous")
        .values(due_at=due_at, error=error[:500])
    )
    tx.topics.add(TOPIC)


def back_to_pending(tx: Tx, key: str, *, note: str | None = None) -> None:
    """It was looked up and is not there (or it is an edit, safe to repeat): send it (again)."""
    tx.run(
        sa.update(o)
        .where(o.c.key == key, o.c.state == "ambiguous")
        .values(state="pending", due_at=tx.now, wanted=o.c.wanted + 1, error=note)
    )
    tx.topics.add(TOPIC)


def not_sent(tx: Tx, key: str, error: str, due_at: float) -> None:
    """A definite refusal that may pass: the row waits until `due_at` and is tried again."""
    tx.run(
        sa.update(o)
        .where(o.c.key == key)
        .values(state="pending", done=o.c.done - 1, due_at=due_at, error=error[:500])
    )
    tx.topics.add(TOPIC)


def park(tx: Tx, key: str, error: str) -> None:
    """Give up on the row and on what was to appear under it, keeping the reason."""
    tx.run(sa.update(o).where(o.c.key == key).values(state="parked", error=error[:500]))
    tx.run(
        sa.update(o)
        .where(o.c.parent_key == key, o.c.state == "pending", o.c.ts.is_(None))
        .values(state="parked", error="what it belongs under was given up")
    )
    tx.topics.add(TOPIC)


def drop(tx: Tx, key: str) -> None:
    """There is nothing to say after all."""
    tx.run(sa.delete(o).where(o.c.key == key, o.c.ts.is_(None)))
    tx.topics.add(TOPIC)


def amend(tx: Tx, key: str, data: Mapping[str, Any]) -> None:
    """Remember something with the effect, beside what it was intended with."""
    found = tx.value(sa.select(o.c.data).where(o.c.key == key))
    if found is not None:
        merged = {**msgspec.json.decode(found), **data}
        tx.run(sa.update(o).where(o.c.key == key).values(data=encode(merged).decode()))


def anchor_anew(tx: Tx, row: Row) -> str | None:
    """What was there is gone: intend it once more under a new key. None if that was done before."""
    if row.generation > 0:
        return None
    generation = row.generation + 1
    key = make_key(row.team, row.channel, row.ref, row.kind, row.source_event, generation)
    tx.run(
        sa.update(o)
        .where(o.c.key == row.key)
        .values(
            key=key,
            generation=generation,
            state="pending",
            ts=None,
            shown=None,
            wanted=o.c.wanted + 1,
            due_at=tx.now,
        )
    )
    tx.run(sa.update(o).where(o.c.parent_key == row.key).values(parent_key=key))
    tx.topics.add(TOPIC)
    return key


def purge(tx: Tx, before: float, limit: int = 500) -> int:
    """Forget effects that arrived or were given up before `before`, once nothing is told there."""
    told = schema.placements
    kept = sa.exists().where(told.c.ref == o.c.ref)
    done = o.c.state.in_(("sent", "parked"))
    old = sa.select(o.c.key).where(done, o.c.created_at < before, ~kept).limit(limit)
    return tx.changed(sa.delete(o).where(o.c.key.in_(old)))
