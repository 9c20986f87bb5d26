"""Intended effects on the outside world, each from intent to proof that it arrived.

A row is committed before anything leaves the process, marked `sending` before the call, `sent`
after it. A row whose outcome is not known is `ambiguous`: after the settle time the outside is
asked whether the effect is there, by the row's key, which travels with it. The key never depends
on content, so what is found can be told from what is new.

This module knows no Slack: a channel is a name, and `ts` whatever the outside calls the effect.

  pending -> sending -> sent          sending -> ambiguous -> sent | pending | parked
  sent -> pending (newer content is wanted)   any -> parked (given up, with the reason)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any

import msgspec
import sqlalchemy as sa

from core import schema
from core.db import Tx

TOPIC = "outbox"
o = schema.outbox
_encode = msgspec.json.Encoder().encode
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Priority(IntEnum):
    """What goes first when a channel has several rows due."""

    HUMAN = 0
    PAGE = 1
    NEWS = 2
    UPKEEP = 3


@dataclass(frozen=True, slots=True)
class Effect:
    """One intended effect.

    `ref` names what it is about ("ticket:42"); `kind` what it is ("card", "reply", "page", ...).
    A card (an effect without `source_event`) is unique per channel and ref, is edited in place, and
    renders the newest state; a reply or page is unique per event. `parent_key` is the key of the
    row under which it belongs (its thread). `due_at` None means at once.
    """

    team: str
    channel: str
    ref: str
    kind: str
    priority: Priority = Priority.NEWS
    source_event: int | None = None
    parent_key: str | None = None
    data: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    due_at: float | None = None

    def key(self, generation: int = 0) -> str:
        """What the effect is known by on both sides."""
        return make_key(self.team, self.channel, self.ref, self.kind, self.source_event, generation)


def make_key(
    team: str, channel: str, ref: str, kind: str, source_event: int | None, generation: int
) -> str:
    """Hash of everything that makes an effect the same effect; never of its content."""
    parts = (team, channel, ref, kind, str(source_event or ""), str(generation))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Row:
    """An outbox row as stored."""

    key: str
    seq: int
    team: str
    channel: str
    ref: str
    kind: str
    parent_key: str | None
    source_event: int | None
    generation: int
    data: Mapping[str, Any]
    priority: int
    state: str
    wanted: int
    done: int
    attempt: int
    created_at: float
    due_at: float
    started_at: float | None
    epoch: int | None
    ts: str | None
    sent_at: float | None
    shown: str | None
    error: str | None

    @property
    def edit(self) -> bool:
        """Whether the effect is there already and only its content changes."""
        return self.ts is not None


_COLUMNS = tuple(c.name for c in o.columns)


def _row(found: sa.Row[Any]) -> Row:
    values = dict(zip(_COLUMNS, found, strict=True))
    values["data"] = msgspec.json.decode(values["data"])
    return Row(**values)


def post(tx: Tx, effect: Effect) -> str:
    """Intend an effect; one that is intended already stays as it is. Returns its key."""
    key = effect.key()
    tx.insert_new(
        o,
        {
            "key": key,
            "seq": tx.next_ids("outbox", 1)[0],
            "team": effect.team,
            "channel": effect.channel,
            "ref": effect.ref,
            "kind": effect.kind,
            "parent_key": effect.parent_key,
            "source_event": effect.source_event,
            "generation": 0,
            "data": _encode(dict(effect.data)).decode(),
            "priority": int(effect.priority),
            "state": "pending",
            "wanted": 1,
            "done": 0,
            "attempt": 0,
            "created_at": tx.now,
            "due_at": tx.now if effect.due_at is None else effect.due_at,
        },
    )
    tx.topics.add(TOPIC)
    return key


def want_again(tx: Tx, key: str, *, due_at: float, priority: Priority) -> None:
    """Newer content is wanted for an effect; several wishes before it is due are one edit.

    A human's wish brings an edit forward; an automatic one never puts it off.
    """
    live = o.c.state.in_(("sent", "pending"))
    due = sa.case((o.c.state == "sent", due_at), (o.c.due_at < due_at, o.c.due_at), else_=due_at)
    first = sa.case(
        (o.c.state == "sent", int(priority)),
        (o.c.priority < int(priority), o.c.priority),
        else_=int(priority),
    )
    changed = tx.changed(
        sa.update(o)
        .where(o.c.key == key, live)
        .values(wanted=o.c.wanted + 1, state="pending", due_at=due, priority=first)
    )
    if not changed:
        # Under way or ambiguous: whoever ends that sees that more is wanted.
        tx.run(
            sa.update(o)
            .where(o.c.key == key, o.c.state.in_(("sending", "ambiguous")))
            .values(wanted=o.c.wanted + 1)
        )
    tx.topics.add(TOPIC)


def by_ref(tx: Tx, ref: str, kind: str = "card") -> list[Row]:
    """The rows of one kind about `ref`, newest generation first."""
    found = tx.rows(
        sa.select(o).where(o.c.ref == ref, o.c.kind == kind).order_by(o.c.generation.desc())
    )
    return [_row(r) for r in found]


def get(tx: Tx, key: str) -> Row | None:
    """The row with this key."""
    found = tx.row(sa.select(o).where(o.c.key == key))
    return None if found is None else _row(found)


def channels_due(tx: Tx) -> list[str]:
    """Channels that have anything left to do, now or later."""
    busy = o.c.state.in_(("pending", "sending", "ambiguous"))
    return [r.channel for r in tx.rows(sa.select(o.c.channel).where(busy).distinct())]


def next_pending(tx: Tx, channel: str, kinds_blocked: Sequence[str] = ()) -> Row | None:
    """The row of `channel` to send next: people's first, then pages, then in order of intent.

    A reply waits until its parent has arrived; rows that are not due yet are left out. `kinds
    blocked` names "post" or "edit" while that bucket is empty.
    """
    parent = o.alias("parent")
    ready = sa.or_(
        o.c.parent_key.is_(None),
        sa.exists().where(parent.c.key == o.c.parent_key, parent.c.ts.is_not(None)),
    )
    where = [o.c.channel == channel, o.c.state == "pending", o.c.due_at <= tx.now, ready]
    if "post" in kinds_blocked:
        where.append(o.c.ts.is_not(None))
    if "edit" in kinds_blocked:
        where.append(o.c.ts.is_(None))
    found = tx.rows(sa.select(o).where(*where).order_by(o.c.priority, o.c.seq).limit(1))
    return _row(found[0]) if found else None


def next_due_at(tx: Tx, channel: str) -> float | None:
    """When the next pending row of `channel` is due (in the past: now)."""
    due: float | None = tx.value(
        sa.select(sa.func.min(o.c.due_at)).where(o.c.channel == channel, o.c.state == "pending")
    )
    return due


def begin(tx: Tx, row: Row, epoch: int) -> bool:
    """Mark the row as under way, before the call; False if somebody else moved it.

    What it shows is forgotten first: until the outcome is known, nothing is.
    """
    return (
        tx.changed(
            sa.update(o)
            .where(o.c.key == row.key, o.c.state == "pending", o.c.attempt == row.attempt)
            .values(
                state="sending",
                attempt=o.c.attempt + 1,
                started_at=tx.now,
                epoch=epoch,
                shown=None,
                done=row.wanted,
            )
        )
        == 1
    )


def sent(tx: Tx, key: str, ts: str, shown: str | None) -> None:
    """The effect is there, as `ts`; pending again if newer content is wanted meanwhile."""
    tx.run(
        sa.update(o)
        .where(o.c.key == key)
        .values(
            state=sa.case((o.c.wanted > o.c.done, "pending"), else_="sent"),
            due_at=sa.case((o.c.wanted > o.c.done, tx.now), else_=o.c.due_at),
            ts=ts,
            sent_at=tx.now,
            shown=shown,
            error=None,
        )
    )
    # Those that waited for this one (its thread's replies) look again.
    tx.topics.add(TOPIC)


def unchanged(tx: Tx, row: Row) -> None:
    """What is shown already is what is wanted: no call was needed."""
    tx.run(
        sa.update(o)
        .where(o.c.key == row.key, o.c.state == "pending", o.c.wanted == row.wanted)
        .values(state="sent", done=row.wanted)
    )


def not_sent(tx: Tx, key: str, error: str, due_at: float) -> None:
    """A definite refusal that may pass: the row waits until `due_at` and is tried again."""
    tx.run(
        sa.update(o)
        .where(o.c.key == key)
        .values(state="pending", done=o.c.done - 1, due_at=due_at, error=error[:500])
    )
    tx.topics.add(TOPIC)


def ambiguous(tx: Tx, key: str, error: str, due_at: float) -> None:
    """It may or may not have happened: to be looked up at `due_at`, after the settle time."""
    tx.run(
        sa.update(o)
        .where(o.c.key == key)
        .values(state="ambiguous", due_at=due_at, error=error[:500])
    )
    tx.topics.add(TOPIC)


def park(tx: Tx, key: str, error: str) -> None:
    """Give up on the row, keeping the reason."""
    tx.run(sa.update(o).where(o.c.key == key).values(state="parked", error=error[:500]))


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


def recover(tx: Tx, epoch: int, due_at: float) -> int:
    """After a start: whatever an earlier holder left under way is ambiguous until looked up."""
    n = tx.changed(
        sa.update(o)
        .where(o.c.state == "sending", o.c.epoch != epoch)
        .values(state="ambiguous", due_at=due_at, error="the process ended while sending")
    )
    if n:
        tx.topics.add(TOPIC)
    return n


def ambiguous_due(tx: Tx, channel: str) -> list[Row]:
    """The ambiguous rows of a channel whose settle time is over: roots before replies."""
    found = tx.rows(
        sa.select(o)
        .where(o.c.channel == channel, o.c.state == "ambiguous", o.c.due_at <= tx.now)
        .order_by(o.c.parent_key.is_not(None), o.c.seq)
    )
    return [_row(r) for r in found]


def back_to_pending(tx: Tx, key: str, *, note: str | None = None) -> None:
    """It was looked up and is not there: send it (again)."""
    tx.run(
        sa.update(o)
        .where(o.c.key == key, o.c.state == "ambiguous")
        .values(state="pending", due_at=tx.now, wanted=o.c.wanted + 1, error=note)
    )
    tx.topics.add(TOPIC)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not arrived: how many rows, how old the oldest that is due is, in seconds."""

    rows: int
    oldest_s: float
    parked: int


def backlog(tx: Tx) -> Backlog:
    """What is due and not delivered yet."""
    waiting = o.c.state.in_(("pending", "sending", "ambiguous"))
    due = sa.and_(waiting, o.c.due_at <= tx.now)
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


def purge(tx: Tx, before: float, limit: int = 500) -> int:
    """Forget effects that arrived or were given up before `before` and whose ticket is gone."""
    done = o.c.state.in_(("sent", "parked"))
    old = sa.select(o.c.key).where(done, o.c.created_at < before).limit(limit)
    return tx.changed(sa.delete(o).where(o.c.key.in_(old)))
