"""Effects of unknown outcome: noted, looked up after the settle time, adopted or sent again."""

from __future__ import annotations

import sqlalchemy as sa

from core.db import Tx
from core.outbox import LIVE, TOPIC, Row, as_row, o


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
