"""Watching: observe, judge, settle tickets; one loop a subject, none of which delays another.

The monitor knows neither Slack nor how anything is diagnosed: it commits tickets and their events,
and whoever wants to know follows those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import sqlalchemy as sa

from core import events, schema
from core.clock import Clock, within
from core.db import Database, Tx
from core.invariant import Judged, Reading, judge
from core.subject import Observation, Subject
from core.tickets import known, recovery, settle
from core.tickets.plan import Plan, make_plan

OBSERVE_LIMIT_S = 10.0
"""A subject that has not answered by then is seen as blind for this tick."""
GAP_S = 60.0
"""Not having watched for longer than this (or ten intervals) is told as a gap."""
ADOPTING_S = 120.0
"""For so long after the start it is remembered what was seen holding, so that it is not adopted."""
ALIVE_EVERY_S = 10.0
"""How often "still watching" is written down."""


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one tick did: for the heartbeat line, /monitor status and the metrics."""

    subject: str
    at: float
    seconds: float
    broken: int
    unknown: int
    holds: int
    opened: int
    changed: int
    readings: Mapping[str, Reading] = field(default_factory=dict)
    blind: tuple[str, ...] = ()


class Watch:
    """One subject under watch: remembers only what the next tick needs to know."""

    def __init__(self, subject: Subject, db: Database, clock: Clock, epoch: int) -> None:
        self.subject = subject
        self.last: TickReport | None = None
        self._db = db
        self._clock = clock
        self._epoch = epoch
        self._carry: Mapping[str, Any] = {}
        self._alive_at: float | None = None
        self._mono_at: float | None = None
        self._started_at = clock.monotonic()
        self._well: dict[str, set[str]] = {}
        self._read: known.Read = {}
        self._quiet = False
        self._unended = False

    async def start(self) -> None:
        """Tell the subject what an earlier process carried, and note that it is watched."""
        carry = await self._db.write_as(self._epoch, _begin, self.subject.name, self.subject.kind)
        self._carry = carry
        self.subject.recall(carry)

    async def tick(self) -> TickReport:
        """Observe, judge and settle once."""
        began = self._clock.monotonic()
        observation = await self._observe()
        now = self._clock.now().timestamp()
        judged = await self._judge(observation, now)
        opened, changed = await self._settle(judged, observation)
        await self._note(observation, now, began)
        report = _report(observation, judged, now)
        self.last = replace(
            report, opened=opened, changed=changed, seconds=self._clock.monotonic() - began
        )
        return self.last

    async def _observe(self) -> Observation:
        limit_s = max(OBSERVE_LIMIT_S, self.subject.interval_s)
        return await within(self._clock, limit_s, self.subject.observe())

    async def _judge(self, observation: Observation, now: float) -> list[Judged]:
        # A thousand stores are judged in milliseconds, ten thousand are not: the loop has people to
        # answer meanwhile.
        patience = self._db.courtesy.patience()

        def all_of_it() -> list[Judged]:
            judged = []
            for one in judge(self.subject.invariants, observation, now):
                judged.append(one)
                patience.pause()
            return judged

        return await asyncio.to_thread(all_of_it)

    async def _settle(self, judged: list[Judged], observation: Observation) -> tuple[int, int]:
        name = self.subject.name
        removed = observation.removed
        if self._quiet and not self._unended and not any(one.broken for one in judged):
            # Nothing was there to change, and nobody but this watch adds to it.
            self._remember_well(judged)
            return 0, 0
        plan, quiet = await self._db.read(planned, name, judged, removed, self._well, self._read)
        self._quiet = quiet and not plan
        self._remember_well(judged)
        if not plan and not self._unended:
            return 0, 0
        # Should the end of this tick not be written, what was written of it waits for the next one's.
        ended, self._unended = not self._unended, True
        done = await settle_plan(self._db, self._epoch, name, plan, ended=ended)
        self._unended = False
        return done

    def _remember_well(self, judged: list[Judged]) -> None:
        """What breaks after it was seen in order is news, not something to adopt."""
        if self._clock.monotonic() - self._started_at > ADOPTING_S:
            self._well.clear()
            return
        for one in judged:
            self._well.setdefault(one.invariant.name, set()).update(one.holds)

    async def _note(self, observation: Observation, now: float, mono: float) -> None:
        gap = None
        if self._mono_at is not None:
            missed = mono - self._mono_at
            if missed > max(GAP_S, 10 * self.subject.interval_s):
                gap = (now - missed, now)
        self._mono_at = mono
        carry = observation.carry
        stale = self._alive_at is None or not 0 <= now - self._alive_at < ALIVE_EVERY_S
        if gap is not None or stale or carry != self._carry:
            await self._db.write_as(self._epoch, _alive, self.subject.name, dict(carry), gap)
            self._alive_at, self._carry = now, carry


def planned(
    tx: Tx,
    subject: str,
    judged: list[Judged],
    removed: frozenset[str],
    well: Mapping[str, Set[str]] | None = None,
    read: known.Read | None = None,
) -> tuple[Plan, bool]:
    """What the tick changes, and whether nothing was there that it could have changed.

    Made where the database is read, which on SQLite is a thread: ten thousand violations keep it
    busy for 50 ms, and the loop has people to answer.
    """
    before = replace(known.known(tx, subject, read), well=well or {})
    tx.breathe()
    plan = make_plan(subject, judged, before, removed)
    plan.opens = known.with_earlier(tx, plan.opens)
    return plan, before.quiet


async def settle_plan(
    db: Database, epoch: int, subject: str, plan: Plan, *, ended: bool = True
) -> tuple[int, int]:
    """Write a plan step by step; how many tickets opened and how many visibly changed.

    `ended` False: the tick before may have been written in part, so this one says that it is over.
    """
    settling = settle.Settling(subject, plan, ended=ended)
    await db.write_steps(epoch, settling.steps())
    return len(plan.opens), settling.changed


def _report(observation: Observation, judged: list[Judged], now: float) -> TickReport:
    blind = tuple(sorted(k for k, r in observation.readings.items() if not r.fresh(now)))
    return TickReport(
        subject=observation.subject,
        at=now,
        seconds=0.0,
        broken=sum(len(j.broken) for j in judged),
        unknown=sum(len(j.unknown) for j in judged) + sum(j.period_s == 0 for j in judged),
        holds=sum(len(j.holds) for j in judged),
        opened=0,
        changed=0,
        readings=dict(observation.readings),
        blind=blind,
    )


def _begin(tx: Tx, name: str, kind: str) -> Mapping[str, Any]:
    s = schema.subjects
    row = tx.row(sa.select(s).where(s.c.name == name))
    if row is None or row.removed_at is not None:
        tx.upsert(
            s,
            {
                "name": name,
                "kind": kind,
                "first_seen_at": tx.now,
                "last_tick_at": tx.now,
                "removed_at": None,
                "carry": "{}",
            },
            ["name"],
        )
        events.emit(tx, events.New("subject.added", subject=name, data={"kind": kind}))
        return {}
    if tx.now - row.last_tick_at > GAP_S:
        _gap(tx, name, row.last_tick_at, tx.now)
    tx.run(sa.update(s).where(s.c.name == name).values(kind=kind))
    carried: Mapping[str, Any] = msgspec.json.decode(row.carry)
    return carried


def _gap(tx: Tx, name: str, since: float, until: float) -> None:
    data = {"from": since, "to": until}
    events.emit(tx, events.New("subject.gap", subject=name, data=data))


def _alive(tx: Tx, name: str, carry: Mapping[str, Any], gap: tuple[float, float] | None) -> None:
    s = schema.subjects
    text = msgspec.json.encode(carry).decode()
    tx.run(sa.update(s).where(s.c.name == name).values(last_tick_at=tx.now, carry=text))
    if gap is not None:
        _gap(tx, name, *gap)


def remove_missing(tx: Tx, configured: list[str]) -> list[str]:
    """Close the tickets of subjects that are no longer configured; their names."""
    s = schema.subjects
    gone = [
        r.name
        for r in tx.rows(sa.select(s.c.name).where(s.c.removed_at.is_(None)))
        if r.name not in configured
    ]
    for name in gone:
        recovery.close_subject(tx, name)
        tx.run(sa.update(s).where(s.c.name == name).values(removed_at=tx.now))
        events.emit(tx, events.New("subject.removed", subject=name))
    return gone
