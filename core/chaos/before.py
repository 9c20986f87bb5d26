"""Before the harm: the subject must be well, the target and its undo are chosen, and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.chaos import safety, truth
from core.chaos.driver import Breakable, Driver, Weighs
from core.chaos.model import Experiment, Fault, Margin, Plan, Stage, Story
from core.chaos.settings import SubjectChaos
from core.chaos.story import Means, advance, experiment_of
from core.db import Tx
from core.errors import Refused
from core.runs import harm
from core.runs.model import FaultRecord, Run

START_WITHIN_S = 60.0
"""A run that nobody took on for so long is not begun any more: it never fires late."""

_PARTS = ("leader", "follower")
"""What a selector may say of the part that its target plays ("pd:leader", "follower")."""


@dataclass(frozen=True, slots=True)
class Ready:
    """One fault that could be injected now. `margin` is what it would leave."""

    plan: Plan
    driver: Driver
    margin: Margin


def breakable(subjects: Mapping[str, Any], name: str) -> Breakable:
    """The subject; Refused if there is none or it offers no faults."""
    subject = subjects.get(name)
    if subject is None:
        known = ", ".join(sorted(subjects)) or "none"
        raise Refused(f"There is no subject called {name}. Watched now: {known}.")
    if not isinstance(subject, Breakable):
        raise Refused(f"Nothing can be broken on {name}: its kind offers no faults.")
    return subject


async def choose(
    subject: Breakable, name: str, experiment: Experiment, own: SubjectChaos
) -> Driver:
    """The first driver that can do it; Refused, with each one's reason, if none can."""
    safety.opted_in(own, name, experiment)
    drivers = [d for d in subject.drivers() if experiment.driver in ("", d.name)]
    reasons = []
    for driver in drivers:
        why = (await driver.faults()).get(experiment.fault, "unknown to it")
        if not why:
            return driver
        reasons.append(f"{driver.name}: {why}")
    raise Refused(
        f"{experiment.fault} cannot be done on {name}: {'; '.join(reasons) or 'no driver is set'}."
    )


async def entities(
    subject: Breakable, driver: Driver, experiment: Experiment, target: str, seed: int, most: int
) -> tuple[str, ...]:
    """Whom the target means (left out: the experiment's own selector), of what the driver may break.

    Refused for a target of another kind than the experiment is for: it would break a PD member and
    wait for a store. Refused, too, for a follower where the experiment is about the leader, and the
    reverse: it would show something else than its name says.
    """
    selector = target or experiment.selector
    among = frozenset(one.entity for one in await driver.targets())
    found = await subject.resolve(selector, seed, among)
    if len(found) > most:
        raise Refused(f"{selector} means {len(found)} targets; at most {most} are allowed.")
    if target:
        await _of_its_kind(subject, experiment, found, among)
        await _in_its_part(subject, experiment, found, among)
    return found


async def _of_its_kind(
    subject: Breakable, experiment: Experiment, found: tuple[str, ...], among: frozenset[str]
) -> None:
    try:
        own = await subject.resolve(experiment.selector, 0, among)
    except Refused:
        return  # its own target is not there now, so that nothing can be compared
    kinds = {one.partition(":")[0] for one in own}
    for one in found:
        if one.partition(":")[0] not in kinds:
            meant = f"means a {' or a '.join(sorted(kinds))} ({experiment.selector})"
            raise Refused(f"{experiment.name} {meant}; {one} is none.")


async def _in_its_part(
    subject: Breakable, experiment: Experiment, found: tuple[str, ...], among: frozenset[str]
) -> None:
    """Who leads is known at the moment only: a target that was named must still be it."""
    part = experiment.selector.rpartition(":")[2]
    if part not in _PARTS:
        return
    for one in found:
        try:
            await subject.resolve(experiment.selector, 0, frozenset((one,)))
        except Refused:
            own = await subject.resolve(experiment.selector, 0, among)
            leads = part == "leader"
            meant = f"the leader, {own[0]} just now" if leads else "a follower"
            raise Refused(
                f"{experiment.name} is for {meant}; {one} {'does not lead' if leads else 'leads'}. "
                "Leave the target out to have it chosen."
            ) from None


async def ready(
    subject: Breakable,
    driver: Driver,
    experiment: Experiment,
    entity: str,
    duration_s: float,
    own: SubjectChaos,
) -> Ready:
    """What would be done to this entity, and what it would leave."""
    target = await driver.find(entity)
    safety.target_allowed(own, entity, target.name)
    found = await driver.plan(experiment.fault, target, experiment.params, duration_s)
    if isinstance(subject, Weighs) and (carries := await subject.weight(entity)):
        found = replace(found, radius=f"{found.radius} ({carries})")
    return Ready(found, driver, await safety.margin(subject, experiment.fault, entity))


def must_leave_majority(found: Margin, entity: str) -> None:
    """Refused, with the margin, for what would cost a majority or cannot be told."""
    if not found.ok:
        raise Refused(f"Not without {entity}: {found.words}.")


async def baseline(m: Means, run: Run, story: Story) -> Ready:
    """Find it well, plan the fault, record it. Refused with the reason why not."""
    experiment = experiment_of(story)
    subject = breakable(m.subjects, run.subject)
    own = safety.own_settings(subject)
    sick = await m.db.read(
        safety.sick,
        run.subject,
        m.look(run.subject),
        experiment.steady_for_s,
        run.id,
        experiment.steady,
    )
    if sick:
        raise Refused(f"Nothing was broken: {sick}.")
    driver = await choose(subject, run.subject, experiment, own)
    if not story.waiting:
        found = await entities(
            subject, driver, experiment, run.target, story.seed, m.limits.max_targets
        )
        story = replace(story, waiting=found)
    entity = story.waiting[0]
    made = await ready(subject, driver, experiment, entity, story.duration_s, own)
    must_leave_majority(made.margin, entity)
    m.reach("record.before")
    told = _told(story, experiment.fault, made)
    await m.db.write_as(m.epoch, _record, run, told, made, m.limits)
    m.reach("record.after")
    return made


def _told(story: Story, fault: Fault, made: Ready) -> Story:
    plan = made.plan
    return replace(
        story,
        entity=plan.target.entity,
        name=plan.target.name,
        driver=made.driver.name,
        words=plan.words,
        undo_words=plan.undo_words,
        radius=plan.radius,
        margin=made.margin.words,
        truth=next(iter(truth.causes(fault, plan.target.entity)), ""),
        inject="",
        injected_at=None,
        ends_at=None,
        heal_began_at=None,
        healed_at=None,
        ending="",
        detected_at=None,
        detected_by="",
        detected_ticket=None,
        diagnosed_at=None,
        diagnosed_as="",
        right=None,
    )


def _record(tx: Tx, run: Run, story: Story, made: Ready, limits: safety.Limits) -> FaultRecord:
    plan = made.plan
    lands_until = tx.now + limits.arm_s + plan.lands_within_s
    fault = harm.record(
        tx,
        run.id,
        {
            "subject": run.subject,
            "kind": str(plan.fault),
            "driver": made.driver.name,
            "entity": plan.target.entity,
            "target": {
                "name": plan.target.name,
                "identity": dict(plan.target.identity),
                "labels": dict(plan.target.labels),
            },
            "before": dict(plan.before),
            "undo": {**plan.undo, "words": plan.undo_words},
            "lands_until": lands_until,
            "heal_by": lands_until + story.duration_s + limits.grace_s,
        },
    )
    advance(tx, run, story, Stage.ARM)
    return fault
