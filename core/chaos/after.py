"""After the harm: undo it, see it undone, wait until all is well, and say how it went."""

from __future__ import annotations

from dataclasses import replace

import structlog

from core.chaos import safety, sightings, truth
from core.chaos.during import abort_words, note
from core.chaos.model import Experiment, Stage, Story
from core.chaos.story import Means, advance, experiment_of, finish
from core.chaos.undo import Healed
from core.db import Tx
from core.runs import harm, store
from core.runs.model import FaultRecord, Outcome, Run

log = structlog.get_logger()

SETTLE_S = 2.0
"""All must be well for so long after the healing before it counts as recovered."""
DIAGNOSIS_S = 30.0
"""How long after the healing a diagnosis of the detected ticket is waited for."""
_FATES = {
    "aborted": Outcome.ABORTED,
    "refused": Outcome.REFUSED,
    "unknown": Outcome.UNKNOWN,
}


async def heal(m: Means, run: Run, story: Story, fault: FaultRecord) -> bool:
    """Undo, and look; whether it is over. What is not seen undone is tried again."""
    if fault.heal_started_at is None:
        story = replace(story, heal_began_at=m.now, until=None)
        run = await m.db.write_as(m.epoch, _heal_began, run, story, fault.id)
    m.reach("heal.before")
    found = await m.healers.heal(fault, m.now)
    m.reach("heal.after")
    if not found.final:
        why = found.why or found.ending
        if why != fault.error:
            log.warning("not healed yet", action="heal", run=run.id, fault=fault.id, why=why)
            await m.db.write_as(m.epoch, harm.not_healed, fault.id, why)
        return False
    # The detached healer first: it must do nothing any more once somebody may break it again.
    await m.healers.verified(fault.id)
    m.reach("verify.before")
    log.info("healed", action="heal", run=run.id, fault=fault.id, ending=found.ending)
    await m.db.write_as(m.epoch, _healed, run, story, fault, found)
    return True


def _heal_began(tx: Tx, run: Run, story: Story, fault_id: int) -> Run:
    harm.heal_started(tx, fault_id)
    return advance(tx, run, story)


async def without_record(m: Means, run: Run, story: Story, last: FaultRecord | None) -> None:
    """No open record of harm: go on from `last`, which was seen healed. Without one the run ends
    unknown: waiting would keep the subject from every other experiment, and nothing can undo it."""
    if last is None:
        what = story.name or story.entity or "what it broke"
        log.error("the record of a fault is gone", action="heal", run=run.id, what=what)
        why = (
            f"the record of what was broken is gone, so Tocsin cannot undo it: see for yourself "
            f"whether {what} is well"
        )
        await m.finish(run, story, Outcome.UNKNOWN, f"{story.interrupted}; {why}".lstrip("; "))
        return
    if run.aborting and not story.fate:
        story = replace(story, fate="aborted", interrupted=abort_words(run))
    await m.db.write_as(m.epoch, _go_on, run, story, last, Healed(last.ending or "healed"))


def _healed(tx: Tx, run: Run, story: Story, fault: FaultRecord, found: Healed) -> None:
    harm.verified(tx, fault.id, found.ending)
    _go_on(tx, run, story, fault, found)


def _go_on(tx: Tx, run: Run, story: Story, fault: FaultRecord, found: Healed) -> None:
    """To the recovery, or to the end that was decided before the healing."""
    current = store.get(tx, run.id)
    if not current.live:
        return
    healed = replace(
        story,
        healed_at=found.at or fault.verified_at or tx.now,
        ending=found.ending,
        # Where the process ended in the middle of the call, only the fault's record knows.
        injected_at=story.injected_at or fault.inject_started_at,
        waiting=story.waiting[1:],
        done=(*story.done, story.entity) if story.inject == "returned" else story.done,
    )
    if story.fate:
        finish(tx, current, healed, _FATES[story.fate], _fated_words(healed, found))
        return
    limit = tx.now + experiment_of(story).recover_within_s
    advance(tx, current, replace(healed, until=limit), Stage.RECOVER)


def _fated_words(story: Story, found: Healed) -> str:
    said = story.interrupted or story.fate
    if story.injected_at is None:
        return said
    by = " by the detached healer" if found.at is not None else ""
    ends = {
        "healed": f"{story.name} was healed{by}",
        "never_landed": f"nothing had happened to {story.name}",
        "vanished": f"{story.name} is gone, and the harm with it",
    }
    return f"{said.rstrip('.')}; {ends.get(found.ending, found.ending)}."


async def recover(m: Means, run: Run, story: Story) -> None:
    """Wait until everything that opened is well again; then the next target, or the verdict."""
    seen = await m.db.read(sightings.since, run.subject, story.injected_at or run.created_at)
    run, story = await note(m, run, story, seen)
    if run.aborting:
        why = f"aborted by {run.abort_by} after the healing"
        await m.finish(run, story, Outcome.ABORTED, why)
    elif not _well(m, run, story, seen):
        if m.now > _limit(story):
            await _ended(m, run, story, seen)
    else:
        await _recovered(m, run, story, seen)


def _limit(story: Story) -> float:
    return (story.healed_at or 0.0) + experiment_of(story).recover_within_s


async def _recovered(m: Means, run: Run, story: Story, seen: sightings.Seen) -> None:
    if story.recovered_at is None:
        story = replace(story, recovered_at=m.now)
        run = await m.advance(run, story)
    if _waits(m, story):
        return
    if _verdict(story, seen)[0] is not Outcome.SUCCEEDED or not story.waiting:
        await _ended(m, run, story, seen)
        return
    sick = await m.db.read(safety.sick, run.subject, m.look(run.subject), 0.0, run.id)
    if not sick:
        await m.advance(run, replace(story, recovered_at=None, until=None), Stage.BASELINE)
    elif m.now > _limit(story):
        await m.finish(run, story, Outcome.FAILED, f"stopped after {len(story.done)}: {sick}")


def _well(m: Means, run: Run, story: Story, seen: sightings.Seen) -> bool:
    """Nothing is broken any more, and that was looked at after the healing."""
    healed = story.healed_at or 0.0
    sight = m.look(run.subject)
    looked = sight is not None and sight.at > healed and m.now >= healed + SETTLE_S
    return looked and not seen.sick


def _waits(m: Means, story: Story) -> bool:
    """Whether something that is expected may yet come: a detection, or its diagnosis."""
    experiment = experiment_of(story)
    if experiment.expects and story.detected_at is None:
        return m.now <= (story.injected_at or 0.0) + experiment.detect_within_s
    if story.detected_at is not None and story.diagnosed_at is None:
        return m.now <= (story.healed_at or 0.0) + DIAGNOSIS_S
    return False


async def _ended(m: Means, run: Run, story: Story, seen: sightings.Seen) -> None:
    outcome, why = _verdict(story, seen)
    log.info("an experiment ended", action="verdict", run=run.id, outcome=str(outcome), why=why)
    await m.finish(run, story, outcome, why)


def _verdict(story: Story, seen: sightings.Seen) -> tuple[Outcome, str]:
    """How it went, measured against what was expected. Pure."""
    experiment = experiment_of(story)
    wrong = [*_missed(story, experiment, seen), *_not_recovered(story, experiment, seen)]
    if wrong:
        return Outcome.FAILED, "; ".join(wrong)
    return Outcome.SUCCEEDED, "; ".join(_went_well(story))


def _missed(story: Story, experiment: Experiment, seen: sightings.Seen) -> list[str]:
    expected = " or ".join(experiment.expects)
    if not experiment.expects:
        paged = [f"#{one.id} {one.title}" for one in seen.critical]
        return [f"nobody should have been paged, but {paged[0]}"] if paged else []
    if story.detected_at is None:
        return [f"not detected within {experiment.detect_within_s:g} s: {expected}{_away(story)}"]
    took = story.detected_at - (story.injected_at or 0.0)
    if took > experiment.detect_within_s:
        return [
            f"detected after {took:.1f} s ({story.detected_by}), "
            f"{experiment.detect_within_s:g} s were allowed{_away(story)}"
        ]
    return []


def _away(story: Story) -> str:
    """That nobody could look: it was healed before this process came to heal it, by the detached
    healer, which steps in only where this process does not."""
    if story.healed_at is None or story.heal_began_at is None:
        return ""
    away = story.healed_at < story.heal_began_at
    return " (Tocsin itself was interrupted meanwhile)" if away else ""


def _not_recovered(story: Story, experiment: Experiment, seen: sightings.Seen) -> list[str]:
    if story.recovered_at is not None:
        return []
    sick = ", ".join(f"#{one.id} {one.title}" for one in seen.sick[:3])
    limit = f"{experiment.recover_within_s:g} s after the healing"
    return [f"not well {limit}: {sick or 'it could not be seen'}"]


def _not_right(story: Story) -> str:
    fitting = truth.causes(experiment_of(story).fault, story.entity)
    return "but not sure of it" if story.diagnosed_as in fitting else "wrong"


def _went_well(story: Story) -> list[str]:
    began = story.injected_at or 0.0
    said = []
    if story.detected_at is not None:
        said.append(f"detected after {max(story.detected_at - began, 0.0):.1f} s")
    if story.diagnosed_at is not None:
        score = {True: ", right", False: f", {_not_right(story)}", None: ""}[story.right]
        after = max(story.diagnosed_at - began, 0.0)
        said.append(
            f"diagnosed after {after:.1f} s as {story.diagnosed_as.replace('_', ' ')}{score}"
        )
    if story.recovered_at is not None and story.healed_at is not None:
        said.append(f"recovered {story.recovered_at - story.healed_at:.1f} s after the healing")
    if len(story.done) > 1:
        said.append(f"{len(story.done)} targets, one after the other")
    return said or ["all stayed well"]
