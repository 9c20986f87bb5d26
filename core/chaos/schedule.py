"""Experiments that come by themselves: cron with a named zone and allowed hours, kept as rows.

One that is due while nobody is there to run it is told and skipped: it never fires late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog

from core import events, schema
from core.chaos.order import Rules, order
from core.db import Database, Tx
from core.errors import Invalid, NotFound, TocsinError
from core.schedule import next_due, zone

log = structlog.get_logger()

d = schema.due
PREFIX = "chaos:"
EVERY_S = 1.0
"""How often it is looked whether something is due."""
LATE_S = 60.0
"""A due time that was passed for longer was missed."""
MOST = 100
"""Plans that may exist at once."""
SOONEST_S = 300.0
"""Two experiments of one plan are at least this far apart."""
_TRIES = 20
"""Each try is a day on which it comes; only a change of the clocks makes it differ from the first."""
_LOOKED_AHEAD = 10
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment that comes by itself. `hours` are full hours of the day in its zone, from the
    first up to but not including the second; None: any. `next_at` in seconds since the epoch."""

    number: int
    name: str
    subject: str
    target: str
    duration_s: float | None
    cron: str
    zone: str
    hours: tuple[int, int] | None
    next_at: float
    by: str

    @property
    def hours_text(self) -> str:
        """ "9-17", or "" """
        return "" if self.hours is None else f"{self.hours[0]}-{self.hours[1]}"


def add(
    tx: Tx,
    rules: Rules,
    *,
    name: str,
    cron: str,
    by: str,
    zone_name: str = "UTC",
    hours: tuple[int, int] | None = None,
    subject: str = "",
    target: str = "",
    duration_s: float | None = None,
) -> Plan:
    """Plan an experiment. Invalid, NotFound or Refused for what could never run."""
    zone(zone_name)
    experiment = rules.catalog.get(name)
    chosen = rules.subject_for(experiment, subject)
    rules.duration_s(experiment, chosen, duration_s)
    if len(listing(tx)) >= MOST:
        raise Invalid(f"There are {MOST} plans already; remove one first.")
    if hours is not None and not 0 <= hours[0] < hours[1] <= 24:
        raise Invalid("Hours are two hours of the day, the earlier first, as in 9-17.")
    first = following(cron, zone_name, hours, tx.now)
    if _too_often(cron, zone_name, hours, first):
        raise Invalid(f"That comes too often: {SOONEST_S / 60:.0f} minutes must lie between two.")
    number = tx.next_ids("plans", 1)[0]
    plan = Plan(number, name, chosen, target, duration_s, cron, zone_name, hours, first, by)
    row = {"name": f"{PREFIX}{number}", "cron": cron, "zone": zone_name, "next_at": first}
    tx.run(sa.insert(d).values(**row, data=_encode(_kept(plan)).decode()))
    return plan


def _too_often(cron: str, zone_name: str, hours: tuple[int, int] | None, first: float) -> bool:
    """Whether two of the next times are too near: "0,1 9 * * *" is, though a day follows."""
    at = first
    for _ in range(_LOOKED_AHEAD):
        again = following(cron, zone_name, hours, at)
        if again - at < SOONEST_S:
            return True
        at = again
    return False


def _kept(plan: Plan) -> dict[str, Any]:
    names = ("number", "name", "subject", "target", "duration_s", "hours", "by")
    return {name: getattr(plan, name) for name in names}


def remove(tx: Tx, number: int) -> Plan:
    """Take a plan away; NotFound names those that there are."""
    found = next((one for one in listing(tx) if one.number == number), None)
    if found is None:
        there = ", ".join(f"{one.number} ({one.name})" for one in listing(tx)[:5])
        told = f"there is {there}" if there else "nothing is planned"
        raise NotFound(f"There is no plan {number}; {told}.")
    tx.run(sa.delete(d).where(d.c.name == f"{PREFIX}{number}"))
    return found


def listing(tx: Tx) -> list[Plan]:
    """All plans, by their numbers."""
    rows = tx.rows(sa.select(d).where(d.c.name.like(f"{PREFIX}%")))
    return sorted((_plan(row) for row in rows), key=lambda one: one.number)


def _plan(row: sa.Row[Any]) -> Plan:
    kept: Mapping[str, Any] = msgspec.json.decode(row.data)
    hours = kept.get("hours")
    return Plan(
        number=int(kept["number"]),
        name=str(kept["name"]),
        subject=str(kept["subject"]),
        target=str(kept.get("target", "")),
        duration_s=kept.get("duration_s"),
        cron=row.cron,
        zone=row.zone,
        hours=(int(hours[0]), int(hours[1])) if hours else None,
        next_at=row.next_at,
        by=str(kept.get("by", "")),
    )


def following(cron: str, zone_name: str, hours: tuple[int, int] | None, after: float) -> float:
    """When it is due next, inside its hours; Invalid if it never is.

    Called inside a write: what lies outside the hours is passed over in one step, not minute by
    minute.
    """
    where, at = zone(zone_name), after
    for _ in range(_TRIES):
        at = next_due(cron, zone_name, at)
        due = datetime.fromtimestamp(at, UTC).astimezone(where)
        if hours is None or hours[0] <= due.hour < hours[1]:
            return at
        # To just before the hours begin: what is due at their first second still counts.
        at = max(at, _opening(due, hours[0]) - 1.0)
    raise Invalid(f"{cron!r} never comes between {hours[0]} and {hours[1]} h." if hours else "")


def _opening(now: datetime, hour: int) -> float:
    """When this hour of the day begins next, in seconds since the epoch."""
    begins = now.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    return (begins if now.hour < hour else begins + timedelta(days=1)).timestamp()


def _anything_due(tx: Tx) -> bool:
    where = (d.c.name.like(f"{PREFIX}%"), d.c.next_at <= tx.now)
    return bool(tx.value(sa.select(sa.func.count()).select_from(d).where(*where)))


async def tick(db: Database, epoch: int, rules: Rules) -> int:
    """Order what is due, tell what was missed; how many plans that were."""
    if not await db.read(_anything_due):
        return 0
    return await db.write_as(epoch, _fire, rules)


def _fire(tx: Tx, rules: Rules) -> int:
    due = [one for one in listing(tx) if one.next_at <= tx.now]
    for plan in due:
        why = _ordered(tx, rules, plan)
        again = following(plan.cron, plan.zone, plan.hours, tx.now)
        tx.run(
            sa.update(d)
            .where(d.c.name == f"{PREFIX}{plan.number}")
            .values(next_at=again, last_at=plan.next_at)
        )
        if why:
            _missed(tx, plan, again, why)
    return len(due)


def _ordered(tx: Tx, rules: Rules, plan: Plan) -> str:
    """Order it; why it was skipped, "" if it was not."""
    late = tx.now - plan.next_at
    if late > LATE_S:
        return f"nobody was there to run it then ({late / 60:.0f} minutes ago)"
    try:
        order(
            tx,
            rules,
            name=plan.name,
            by=plan.by,
            subject=plan.subject,
            target=plan.target,
            duration_s=plan.duration_s,
        )
    except TocsinError as error:
        return error.text
    return ""


def _missed(tx: Tx, plan: Plan, again: float, why: str) -> None:
    log.warning("a planned experiment was skipped", action="plan", plan=plan.number, why=why)
    data = {
        **_kept(plan),
        "hours": plan.hours_text,
        "cron": plan.cron,
        "zone": plan.zone,
        "due_at": plan.next_at,
        "next_at": again,
        "why": why,
    }
    events.emit(tx, events.New("run.missed", subject=plan.subject, data=data))
