"""Doing the harm: the detached healer first, the margin once more, then the call, then watching."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import structlog

from core.chaos import safety, sightings
from core.chaos.before import Ready, breakable, must_leave_majority
from core.chaos.model import Inject, Stage, Story
from core.chaos.story import Means, advance, experiment_of, plain
from core.clock import within
from core.db import Tx
from core.errors import Refused, TocsinError
from core.runs import harm, store
from core.runs.model import FaultRecord, Run
from core.tasks import Tasks

log = structlog.get_logger()

CALL_MARGIN_S = 30.0
"""The injecting call is waited for until this long after its harm must have landed."""


async def arm(m: Means, run: Run, story: Story, fault: FaultRecord) -> None:
    """Start the detached healer: without one nothing is broken."""
    pid = await m.healers.arm(fault, story.undo_words)
    log.info("a healer stands by", action="arm", run=run.id, pid=pid, heal_by=fault.heal_by)
    m.reach("arm.after")
    await m.db.write_as(m.epoch, _armed, run, story, fault.id)


def _armed(tx: Tx, run: Run, story: Story, fault_id: int) -> None:
    harm.armed(tx, fault_id)
    # An abort may have come meanwhile: the next step sees it.
    advance(tx, store.get(tx, run.id), story, Stage.INJECT)


async def inject(
    m: Means, run: Run, story: Story, fault: FaultRecord, made: Ready, tasks: Tasks
) -> None:
    """Check once more, write down that it begins, do it, and write down what became of it."""
    await _still_safe(m, run, story, fault)
    lands = made.plan.lands_within_s
    await m.db.write_as(m.epoch, harm.inject_started, fault.id, m.now + lands, fault.heal_by)
    began = m.now
    m.reach("inject.before")
    how, why = await _called(m, made.driver.inject(made.plan), lands, tasks)
    m.reach("inject.after")
    ended = m.now
    if how is Inject.RETURNED:
        await m.healers.returned(fault)
    told = replace(story, inject=str(how), injected_at=began)
    if how is Inject.RETURNED:
        ends_at = ended + story.duration_s
        told = replace(told, ends_at=ends_at, until=ends_at)
    else:
        fate = "refused" if how is Inject.REFUSED else "unknown"
        told = replace(told, fate=fate, interrupted=why)
    log.info("broken on purpose", action="inject", run=run.id, what=story.words, outcome=str(how))
    await m.db.write_as(m.epoch, _injected, run, told, fault.id, how, m.now)


async def _still_safe(m: Means, run: Run, story: Story, fault: FaultRecord) -> None:
    """Refused unless all that held a moment ago holds now."""
    subject = breakable(m.subjects, run.subject)
    experiment = experiment_of(story)
    sick = await m.db.read(safety.sick, run.subject, m.look(run.subject), 0.0, run.id)
    if sick:
        raise Refused(f"Nothing was broken: {sick}.")
    must_leave_majority(await safety.margin(subject, experiment.fault, story.entity), story.entity)
    if m.now > fault.recorded_at + m.limits.arm_s:
        raise Refused("Nothing was broken: it took too long to get ready. Run it again.")


async def _called(
    m: Means, call: Coroutine[Any, Any, None], lands_s: float, tasks: Tasks
) -> tuple[Inject, str]:
    """Do it, shielded from whatever cancels us; how it ended, and why."""
    doing = tasks.start("inject", call)
    try:
        await within(m.clock, lands_s + CALL_MARGIN_S, asyncio.shield(doing))
    except Refused as error:
        return Inject.REFUSED, error.text
    except TimeoutError:
        return Inject.UNKNOWN, "the call that breaks it did not come back in time"
    except TocsinError as error:
        return Inject.UNKNOWN, error.text
    except Exception as error:  # noqa: BLE001 - whatever it was, the harm may have been done
        return Inject.UNKNOWN, f"{type(error).__name__}: {error}"
    return Inject.RETURNED, ""


def _injected(tx: Tx, run: Run, story: Story, fault_id: int, how: Inject, at: float) -> None:
    if how is Inject.RETURNED:
        harm.inject_returned(tx, fault_id)
    elif how is Inject.REFUSED:
        harm.inject_refused(tx, fault_id)
    # An abort may have come meanwhile: what is known of the harm must be kept all the same.
    current = store.get(tx, run.id)
    advance(tx, current, story, Stage.WATCH if how is Inject.RETURNED else Stage.HEAL)


async def watch(m: Means, run: Run, story: Story) -> None:
    """Take in what was seen; heal at the end of the time, at an abort, or when it goes too far."""
    seen = await m.db.read(sightings.since, run.subject, story.injected_at or run.created_at)
    run, story = await note(m, run, story, seen)
    experiment = experiment_of(story)
    too_far = next((one for one in seen.opened if one.invariant in experiment.abort_on), None)
    if run.aborting:
        story = replace(story, fate="aborted", interrupted=abort_words(run))
    elif too_far is not None:
        why = f"stopped by itself: #{too_far.id} {too_far.title}"
        story = replace(story, fate="aborted", interrupted=why)
    elif m.now < (story.ends_at or 0.0):
        return
    await m.advance(run, replace(story, until=None), Stage.HEAL)


def abort_words(run: Run) -> str:
    """Who aborted it, and why."""
    reason = f": {run.abort_reason}" if run.abort_reason else ""
    return f"aborted by {run.abort_by}{reason}"


async def note(m: Means, run: Run, story: Story, seen: sightings.Seen) -> tuple[Run, Story]:
    """Keep what was seen, with an event for what people wait for."""
    after = await m.db.read(sightings.noted, story, experiment_of(story), seen)
    if after == story:
        return run, story
    return await m.db.write_as(m.epoch, _noted, run, story, after), after


def _noted(tx: Tx, run: Run, before: Story, after: Story) -> Run:
    began = after.injected_at or tx.now
    if before.detected_at is None and after.detected_at is not None:
        told = {
            "after_s": max(after.detected_at - began, 0.0),
            "invariant": after.detected_by,
            "ticket_id": after.detected_ticket,
        }
        return store.note(tx, run, "run.detected", plain(after), **told)
    if after.diagnosed_as != before.diagnosed_as and after.diagnosed_at is not None:
        told = {
            "after_s": max(after.diagnosed_at - began, 0.0),
            "cause": after.diagnosed_as,
            "right": after.right,
        }
        return store.note(tx, run, "run.diagnosed", plain(after), **told)
    return advance(tx, run, after)
