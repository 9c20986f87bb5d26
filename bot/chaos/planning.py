"""Plans as the views want them, and what people ask of them."""

from __future__ import annotations

from bot.chaos import parse
from bot.chaos.facts import Planned
from bot.tickets.look import Surroundings
from core.chaos import schedule
from core.chaos.order import Rules
from core.chaos.schedule import Plan
from core.db import Tx
from core.errors import Invalid


def listed(tx: Tx, around: Surroundings) -> list[Planned]:
    """All plans."""
    return [_planned(one, around) for one in schedule.listing(tx)]


def add(tx: Tx, rules: Rules, plan: parse.Plan, by: str, around: Surroundings) -> Planned:
    """A new plan, as it was understood."""
    ask = plan.ask
    made = schedule.add(
        tx,
        rules,
        name=ask.experiment,
        cron=plan.cron,
        by=by,
        zone_name=plan.zone,
        hours=plan.hours,
        subject=ask.subject,
        target=ask.target,
        duration_s=ask.for_s,
    )
    return _planned(made, around)


def remove(tx: Tx, number: int | None, around: Surroundings) -> Planned:
    """Forget a plan; without a number the only one. Invalid where it is not clear which."""
    if number is None:
        there = schedule.listing(tx)
        if len(there) != 1:
            listed = ", ".join(f"{one.number} ({one.name})" for one in there) or "none"
            raise Invalid(f"Which plan? Planned: {listed}. Write it like /chaos unschedule 3")
        number = there[0].number
    return _planned(schedule.remove(tx, number), around)


def _planned(one: Plan, around: Surroundings) -> Planned:
    return Planned(
        number=one.number,
        name=one.name,
        subject=around.label(one.subject),
        target=one.target,
        cron=one.cron,
        zone=one.zone,
        hours=one.hours_text,
        next_at=one.next_at,
        by=one.by,
    )
