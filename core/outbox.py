"""Intended effects on the outside world, each from intent to proof that it arrived.

A row is committed before anything leaves the process: `sending` before the call, `sent` after it.
One of unknown outcome is `ambiguous`: after the settle time it is looked for by its key.

A channel is a name, and `ts` whatever the outside calls the effect: no Slack is known here.
  pending -> sending -> sent          sending -> ambiguous -> sent | pending | parked
  sent -> pending (newer content is wanted)   any -> parked (given up, with the reason)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
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
encode = msgspec.json.Encoder().encode
_NOTHING: Mapping[str, Any] = MappingProxyType({})
EDIT_SPACING_S = 2.0
"""Edits of one message that no person asked for are at least this far apart."""
# Word for word the condition of the index: with bound values neither engine can tell that it fits.
LIVE = sa.text("outbox.state IN ('pending', 'ambiguous', 'sending')")


class Priority(IntEnum):
    """What goes first when a channel has several rows due."""

    HUMAN = 0
    PAGE = 1
    NEWS = 2
    UPKEEP = 3


@dataclass(frozen=True, slots=True)
class Effect:
    """One intended effect. `due_at` None means at once.

    `ref` names what it is about ("ticket:42"); `kind` what it is ("card", "reply", "page", ...).
    A card (no `source_event`) is unique per channel and ref, edited in place, and shows the newest
    state; a reply or page is unique per event. `parent_key`: the row whose thread it belongs to.
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
    """A stored row."""

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
        """Whether it is there already and only its content changes."""
        return self.ts is not None


_COLUMNS = tuple(c.name for c in o.columns)


def as_row(found: sa.Row[Any]) -> Row:
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
            "data": encode(dict(effect.data)).decode(),
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


def want_again(
    tx: Tx, key: str, *, due_at: float, priority: Priority, at_once: bool = False
) -> None:
    """Newer content is wanted for an effect; several wishes before it is due are one edit.

    A human's wish brings an edit forward, as does `at_once` (somebody watches it live); another one
    never puts it off, and keeps its distance from the last edit.
    """
    spaced = o.c.sent_at + EDIT_SPACING_S
    if at_once or priority is Priority.HUMAN:
        wish: Any = due_at
    else:
        wish = sa.case((spaced > due_at, spaced), else_=due_at)
    # Under way: `due_at` and `priority` speak of the next edit, once there is one.
    fresh = sa.or_(o.c.state == "sent", sa.and_(o.c.state == "sending", o.c.wanted == o.c.done))
    # Ambiguous: `due_at` is when it is looked up.
    keep = sa.or_(o.c.state == "ambiguous", o.c.due_at < wish)
    tx.run(
        sa.update(o)
        .where(o.c.key == key, o.c.state != "parked")
        .values(
            wanted=o.c.wanted + 1,
            state=sa.case((o.c.state == "sent", "pending"), else_=o.c.state),
            due_at=sa.case((fresh, wish), (keep, o.c.due_at), else_=wish),
            priority=sa.case(
                (fresh, int(priority)),
                (o.c.priority < int(priority), o.c.priority),
                else_=int(priority),
            ),
        )
    )
    tx.topics.add(TOPIC)


def by_ref(tx: Tx, ref: str, kind: str = "card") -> list[Row]:
    """The rows of one kind about `ref`, newest generation first."""
    about = sa.select(o).where(o.c.ref == ref, o.c.kind == kind)
    return [as_row(r) for r in tx.rows(about.order_by(o.c.generation.desc()))]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The message that stands for a reference: edited in place, root of its thread."""

    ref: str
    key: str
    channel: str
    kind: str
    state: str


def anchors(tx: Tx, refs: Iterable[str], kinds: Sequence[str]) -> dict[str, Anchor]:
    """The rows of these kinds that are about several references, by reference."""
    found: dict[str, Anchor] = {}
    wanted = sorted(set(refs))
    for start in range(0, len(wanted), 500):
        rows = tx.rows(
            sa.select(o.c.ref, o.c.key, o.c.channel, o.c.kind, o.c.state)
            .where(o.c.ref.in_(wanted[start : start + 500]), o.c.kind.in_(kinds))
            .order_by(o.c.seq)
        )
        found.update({r.ref: Anchor(**r._asdict()) for r in rows})
    return found


def ever_in(tx: Tx, channel: str) -> bool:
    """Whether anything was ever intended for a channel."""
    return tx.value(sa.select(o.c.key).where(o.c.channel == channel).limit(1)) is not None


def get(tx: Tx, key: str) -> Row | None:
    """The row with this key."""
    found = tx.row(sa.select(o).where(o.c.key == key))
    return None if found is None else as_row(found)


def next_pending(tx: Tx, channel: str, kinds_blocked: Sequence[str] = ()) -> Row | None:
    """The row of `channel` to send next: people's first, then pages, then in order of intent.

    A reply waits until its parent has arrived and all that was said before it in that thread;
    rows that are not due yet are left out. `kinds_blocked` names "post", "edit" or "upkeep"
    (edits that nobody waits for) while that bucket is empty.
    """
    parent, before = o.alias("parent"), o.alias("before")
    arrived = sa.exists().where(parent.c.key == o.c.parent_key, parent.c.ts.is_not(None))
    unsaid = sa.exists().where(
        before.c.channel == o.c.channel,
        before.c.parent_key == o.c.parent_key,
        before.c.seq < o.c.seq,
        sa.text("before.state IN ('pending', 'ambiguous', 'sending')"),
        before.c.ts.is_(None),
    )
    ready = sa.or_(o.c.parent_key.is_(None), sa.and_(arrived, ~unsaid))
    due = sa.and_(o.c.channel == channel, o.c.state == "pending", o.c.due_at <= tx.now)
    where: list[Any] = [LIVE, due, ready]
    if "post" in kinds_blocked:
        where.append(o.c.ts.is_not(None))
    if "edit" in kinds_blocked:
        where.append(o.c.ts.is_(None))
    if "upkeep" in kinds_blocked:
        where.append(sa.or_(o.c.ts.is_(None), o.c.priority < int(Priority.UPKEEP)))
    found = tx.rows(sa.select(o).where(*where).order_by(o.c.priority, o.c.seq).limit(1))
    return as_row(found[0]) if found else None


def begin(tx: Tx, row: Row, epoch: int) -> bool:
    """Mark the row as under way, before the call; False if somebody else moved it.

    What it shows is forgotten first: until the outcome is known, nothing is. What is wanted by now,
    but not by the row as it was drawn, is an edit that follows.
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
