"""From verdicts and what is known to what must change: the settling of one tick. Pure.

Grace is accumulated observed-broken time: each new reading adds the time since the last one, at
most two periods of its source, so that neither a clock step, nor a suspended machine, nor a restart
skips or restarts it. Recovery accumulates likewise. Unknown adds nothing and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, fields

from core.invariant import Broken, Judged, Violation, fingerprint
from core.tickets.again import Again, Sighting, Touch, touching_s
from core.tickets.explain import Rejoining, causes_among, rejoining, root_of
from core.tickets.model import (
    FLAP_WINDOW_S,
    OUTLIVE_S,
    Resolution,
    Ticket,
    recovery_needed_s,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A violation that has not lasted its hold time yet."""

    fingerprint: str
    since: float
    last_at: float
    broken_for_s: float


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a subject before the tick is settled.

    `tickets`: the open ones by fingerprint. `closed`: the latest closed one of each fingerprint
    that may matter (shut, or within the flap window). `roots`: resolved tickets by id that open
    ones are explained by, with when they ended. `well`: the entities that were seen holding since
    the subject was first seen, by invariant: what breaks there is never adopted.
    """

    first_seen_at: float
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    closed: Mapping[str, Ticket] = field(default_factory=dict)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    roots: Mapping[int, float] = field(default_factory=dict)
    well: Mapping[str, Set[str]] = field(default_factory=dict)

    @property
    def quiet(self) -> bool:
        """Whether there is nothing that a tick could change without a broken verdict."""
        return not (self.tickets or self.closed or self.conditions)


@dataclass(frozen=True, slots=True)
class Opening:
    """A ticket to open. `explained_by` is a ticket's id, or the fingerprint of one opened now."""

    violation: Violation
    previous_id: int | None
    adopted: bool
    explained_by: int | str | None


@dataclass(frozen=True, slots=True)
class Reopening:
    """A ticket that recovered lately and is broken again."""

    ticket: Ticket
    violation: Violation
    explained_by: int | str | None


@dataclass(frozen=True, slots=True)
class Healthy:
    """An open ticket seen holding, with its accumulated healthy time; `resolve` if that is enough."""

    ticket: Ticket
    at: float
    healthy_since: float
    healthy_for_s: float
    resolve: bool


@dataclass(slots=True)
class Plan:
    """Everything that one tick changes."""

    opens: list[Opening] = field(default_factory=list)
    reopens: list[Reopening] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    healthy: list[Healthy] = field(default_factory=list)
    removed: list[Ticket] = field(default_factory=list)
    unshut: list[Ticket] = field(default_factory=list)
    surfaced: list[Ticket] = field(default_factory=list)
    rejoins: list[Rejoining] = field(default_factory=list)
    waiting: list[Condition] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(getattr(self, part.name) for part in fields(self))


def make_plan(
    subject: str, judged: Iterable[Judged], known: Known, removed: frozenset[str]
) -> Plan:
    """What must change for `subject`, given what was judged and what is known."""
    plan = Plan()
    touch_s = touching_s(len(known.tickets))
    explained_by: dict[str, tuple[str, ...]] = {}
    for one in judged:
        explained_by[one.invariant.name] = one.invariant.explained_by
        _see(plan, subject, one, known, removed, touch_s)
    _settle_healthy(plan, subject, judged, known, removed)
    _explain(plan, known, explained_by)
    return plan


def _see(
    plan: Plan, subject: str, one: Judged, known: Known, removed: frozenset[str], touch_s: float
) -> None:
    """What one invariant found broken: seen again where its ticket is open, else new."""
    again = Again(one, touch_s)
    for entity, found in one.broken.items():
        if entity in removed:
            continue
        ticket = known.tickets.get(fingerprint(subject, one.invariant.name, entity))
        if ticket is None:
            _broken(plan, _violation(subject, one, entity, found), known)
        elif (change := again.see(ticket, found)) is not None:
            violation = _violation(subject, one, entity, found)
            plan.touches.append(Touch(ticket, violation, change))
    if again.unchanged:
        plan.sightings.append(Sighting(one.at, one.period_s, again.unchanged))


def _violation(subject: str, one: Judged, entity: str, found: Broken) -> Violation:
    return Violation(
        subject=subject,
        invariant=one.invariant.name,
        entity=entity,
        severity=found.severity or one.invariant.severity,
        found=found,
        at=one.at,
        period_s=one.period_s,
        hold_s=one.invariant.hold_s,
    )


def _broken(plan: Plan, violation: Violation, known: Known) -> None:
    key = violation.fingerprint
    closed = known.closed.get(key)
    if closed is not None and closed.shut and violation.severity.rank <= closed.severity.rank:
        return
    before = known.conditions.get(key)
    since, lasted_s = _lasted(before, violation)
    if lasted_s < violation.hold_s:
        waited = Condition(key, since, violation.at, lasted_s)
        if waited != before:
            plan.waiting.append(waited)
        return
    if before is not None:
        plan.forgotten.append(key)
    if _flapped(closed, violation):
        assert closed is not None
        plan.reopens.append(Reopening(closed, violation, None))
        return
    early = since <= known.first_seen_at + 2 * violation.period_s + 1.0
    adopted = early and violation.entity not in known.well.get(violation.invariant, ())
    plan.opens.append(Opening(violation, closed.id if closed else None, adopted, None))


def _lasted(before: Condition | None, violation: Violation) -> tuple[float, float]:
    """Since when it is seen broken, and for how long it has been by now."""
    if before is None:
        return violation.at, 0.0
    added = _elapsed(before.last_at, violation.at, violation.period_s)
    return before.since, before.broken_for_s + added


def _elapsed(last: float, at: float, period_s: float) -> float:
    return min(max(at - last, 0.0), 2 * period_s)


def _flapped(closed: Ticket | None, violation: Violation) -> bool:
    return (
        closed is not None
        and closed.resolution is Resolution.RECOVERED
        and closed.resolved_at is not None
        and violation.at - closed.resolved_at <= FLAP_WINDOW_S
    )


def _settle_healthy(
    plan: Plan,
    subject: str,
    judged: Iterable[Judged],
    known: Known,
    removed: frozenset[str],
) -> None:
    by_name = {one.invariant.name: one for one in judged}
    for ticket in known.tickets.values():
        if ticket.entity in removed:
            plan.removed.append(ticket)
            continue
        one = by_name.get(ticket.invariant)
        if one is not None and ticket.entity in one.holds:
            _recover(plan, ticket, one)
        elif one is not None and ticket.entity in one.broken:
            _outlives(plan, ticket, one, known)
    for closed in known.closed.values():
        one = by_name.get(closed.invariant)
        if closed.shut and one is not None and closed.entity in one.holds:
            plan.unshut.append(closed)
    holding = {
        fingerprint(subject, one.invariant.name, entity)
        for one in by_name.values()
        for entity in (one.holds if known.conditions else ())
    }
    plan.forgotten.extend(
        key for key in known.conditions if key in holding or key.rpartition("/")[2] in removed
    )


def _recover(plan: Plan, ticket: Ticket, one: Judged) -> None:
    if ticket.healthy_at == one.at:
        return
    since = ticket.healthy_since if ticket.healthy_since is not None else one.at
    healthy_for = ticket.healthy_for_s
    if ticket.healthy_at is not None:
        healthy_for += _elapsed(ticket.healthy_at, one.at, one.period_s)
    enough = healthy_for >= recovery_needed_s(ticket, one.invariant.recover_s)
    resolve = enough and (not ticket.held or ticket.held_until_healthy)
    if ticket.held and enough and not resolve and ticket.healthy_since is not None:
        return
    plan.healthy.append(Healthy(ticket, one.at, since, healthy_for, resolve))


def _outlives(plan: Plan, ticket: Ticket, one: Judged, known: Known) -> None:
    if ticket.explained_by is None:
        return
    ended = known.roots.get(ticket.explained_by)
    if ended is not None and one.at - ended > OUTLIVE_S:
        plan.surfaced.append(ticket)


def _explain(plan: Plan, known: Known, causes: Mapping[str, tuple[str, ...]]) -> None:
    """Join each new ticket, and each that outlived its cause, to the open one that explains it."""
    new = [o.violation for o in plan.opens] + [r.violation for r in plan.reopens]
    seeking = {v.invariant for v in new} | {one.invariant for one in plan.surfaced}
    sought = {cause for name in seeking for cause in causes.get(name, ())}
    if not sought:
        return
    roots = causes_among(known.tickets.values(), known.roots, new, sought)
    plan.surfaced, plan.rejoins = rejoining(plan.surfaced, roots, causes)
    direct = {v.fingerprint: roots.of(v, causes) for v in new}
    if not any(cause is not None for cause in direct.values()):
        return
    plan.opens = [
        Opening(o.violation, o.previous_id, o.adopted, root_of(o.violation.fingerprint, direct))
        for o in plan.opens
    ]
    plan.reopens = [
        Reopening(r.ticket, r.violation, root_of(r.violation.fingerprint, direct))
        for r in plan.reopens
    ]
    # Causes first, so that a symptom always finds the id of its cause.
    plan.opens.sort(key=lambda o: isinstance(o.explained_by, str))
