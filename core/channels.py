"""Channels as the outbox sees them: what waits for each, and which cannot be delivered to."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from core import schema
from core.db import Tx
from core.outbox import LIVE, TOPIC, o


def channels_due(tx: Tx) -> list[str]:
    """Channels that have anything left to do, now or later."""
    return [r.channel for r in tx.rows(sa.select(o.c.channel).where(LIVE).distinct())]


def next_due_at(tx: Tx, channel: str) -> float | None:
    """When the next row of `channel` is due to be sent or looked up.

    None when nothing will come due by time alone: a pending row that is due already waits for
    something else (its parent, a rate), and whoever ends that tells. A row to be looked up waits
    for nothing: one that came due a moment ago counts too.
    """
    by_time = sa.or_(o.c.state == "ambiguous", o.c.due_at > tx.now)
    due: float | None = tx.value(
        sa.select(sa.func.min(o.c.due_at)).where(
            LIVE, o.c.channel == channel, o.c.state != "sending", by_time
        )
    )
    return due


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not arrived: how many rows, how old the oldest that is due is, in seconds."""

    rows: int
    oldest_s: float
    parked: int


def backlog(tx: Tx) -> Backlog:
    """What is due and not delivered yet; a parked channel is told of by itself."""
    p = schema.parked_channels
    open_channel = ~sa.exists().where(p.c.channel == o.c.channel)
    due = sa.and_(LIVE, o.c.due_at <= tx.now, open_channel)
    n = tx.value(sa.select(sa.func.count()).where(due)) or 0
    oldest = tx.value(sa.select(sa.func.min(o.c.due_at)).where(due))
    parked = tx.value(sa.select(sa.func.count()).where(o.c.state == "parked")) or 0
    return Backlog(int(n), 0.0 if oldest is None else max(tx.now - oldest, 0.0), int(parked))


def park_channel(tx: Tx, channel: str, reason: str) -> bool:
    """Stop sending to a channel; True if it was not parked before."""
    return tx.insert_new(
        schema.parked_channels,
        {"channel": channel, "reason": reason, "since": tx.now, "checked_at": tx.now},
    )


def unpark_channel(tx: Tx, channel: str) -> None:
    """The channel can be delivered to again: its rows go on."""
    tx.run(sa.delete(schema.parked_channels).where(schema.parked_channels.c.channel == channel))
    tx.topics.add(TOPIC)


@dataclass(frozen=True, slots=True)
class Parked:
    """A channel that cannot be delivered to."""

    channel: str
    reason: str
    since: float
    checked_at: float


def parked_channels(tx: Tx) -> list[Parked]:
    """The channels that are parked now."""
    return [
        Parked(r.channel, r.reason, r.since, r.checked_at)
        for r in tx.rows(sa.select(schema.parked_channels))
    ]


def checked(tx: Tx, channel: str) -> None:
    """A parked channel was tried again, in vain."""
    p = schema.parked_channels
    tx.run(sa.update(p).where(p.c.channel == channel).values(checked_at=tx.now))
