"""One look at a ticket: evidence, what the rules make of it, and whether a model is asked, too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.clock import Clock
from core.db import Database, Tx
from core.diagnosis import budget, looks, questions, store
from core.diagnosis.encode import Answer
from core.diagnosis.evidence import gather
from core.diagnosis.looks import Look
from core.diagnosis.made import Made, New
from core.diagnosis.model import Certainty, Diagnosis, Reason, Snapshot
from core.diagnosis.packing import Packed, pack
from core.diagnosis.rules.decide import MADE_BY, diagnose
from core.diagnosis.settings import Allowed
from core.errors import Unavailable
from core.subject import Subject

FIRST_LOOK_S = 30.0
"""A look so soon after the opening is a first look: PD and metrics have not caught up yet."""

POOR = "the day's money for models is nearly spent: rules alone until 00:00 UTC, unless you ask"


@dataclass(frozen=True, slots=True)
class Means:
    """What looks are made with."""

    db: Database
    clock: Clock
    epoch: int
    subjects: Mapping[str, Subject]
    allowed: Allowed

    def subject(self, name: str) -> Subject:
        """The subject; Unavailable if it is not watched here."""
        found = self.subjects.get(name)
        if found is None:
            raise Unavailable(f"The subject {name!r} is not watched here any more.")
        return found


@dataclass(frozen=True, slots=True)
class Ground:
    """What a look stands on: the evidence as stored, what the rules say of it, and whether a model
    is to be asked. A question carries the rules' answer."""

    snapshot_id: int
    snapshot: Snapshot
    rules: Diagnosis
    began: float
    ask_model: bool
    answer: Answer | None = None
    form: Packed | None = None

    def kept(self, tx: Tx, ticket_id: int) -> int:
        """The number of the evidence, which is stored unless it was."""
        stored = self.snapshot_id
        return stored or store.save_snapshot(tx, ticket_id, self.snapshot, self.form)


async def look_at(means: Means, look: Look) -> Ground:
    """Gather (or take what is stored), let the rules answer, and keep that.

    Where no model is to be asked the look is finished in the same commit. One that was interrupted
    after its rules had answered goes on from there.
    """
    began = means.clock.monotonic()
    if look.asked:
        return await _question(means, look, began)
    if (made := await means.db.read(_interrupted, look)) is not None:
        frozen = await means.db.read(store.snapshot, made.snapshot_id)
        ground = Ground(made.snapshot_id, frozen, made.diagnosis, began, True)
        return await means.db.write_as(means.epoch, _resumed, means, look, ground)
    stored, frozen = await _evidence(means, look)
    first = look.reason is Reason.OPENED and frozen.taken_at - frozen.opened_at < FIRST_LOOK_S
    rules, form = await asyncio.to_thread(_think, frozen, first)
    ground = Ground(stored or 0, frozen, rules, began, False, form=form)
    return await means.db.write_as(means.epoch, _keep, means, look, ground)


def _think(frozen: Snapshot, first: bool) -> tuple[Diagnosis, Packed]:
    """What takes time and no database: in a thread, so that the loop goes on meanwhile."""
    return diagnose(frozen, first_look=first), pack(frozen)


def _interrupted(tx: Tx, look: Look) -> Made | None:
    return next(iter(store.of_investigation(tx, look.id)), None)


def _resumed(tx: Tx, means: Means, look: Look, ground: Ground) -> Ground:
    if means.allowed.model_for(look.ticket.subject) is not None:
        return ground
    looks.finish(tx, look.id, means.epoch)
    return replace(ground, ask_model=False)


async def _evidence(means: Means, look: Look) -> tuple[int | None, Snapshot]:
    """Of a closed ticket what was frozen while it was open: by now the cluster shows no trouble."""
    if not look.ticket.open:
        found = await means.db.read(store.latest_snapshot, look.ticket.id)
        if found is not None:
            return found
    subject = means.subject(look.ticket.subject)
    return None, await gather(means.db, means.clock, subject, look.ticket, look.reason)


def _keep(tx: Tx, means: Means, look: Look, ground: Ground) -> Ground:
    number = ground.kept(tx, look.ticket.id)
    seconds = means.clock.monotonic() - ground.began
    new = New(look.ticket.id, number, ground.rules, look.reason, seconds, look.id)
    told = store.get(tx, store.save_diagnosis(tx, new)).told
    ask_model = _worth_asking(tx, means, look, told)
    poor = ask_model and look.asked_by is None and _too_poor(tx, means)
    if poor or not ask_model:
        looks.finish(tx, look.id, means.epoch, POOR if poor else "")
        ask_model = False
    return replace(ground, snapshot_id=number, ask_model=ask_model)


def _too_poor(tx: Tx, means: Means) -> bool:
    """Whether so little of the day's money is left that only people may spend it."""
    caps = means.allowed.caps
    return caps.day - budget.spent_on(tx, budget.day_of(tx.now)) < caps.one / 2


def _worth_asking(tx: Tx, means: Means, look: Look, told: bool) -> bool:
    """A model is asked where it is allowed and there is something new to ask about."""
    if means.allowed.model_for(look.ticket.subject) is None:
        return False
    if look.asked_by is not None or told:
        return True
    thought = store.by_model(tx, look.ticket.id)
    if thought is None:
        return True
    open_question = thought.diagnosis.certainty is Certainty.INCONCLUSIVE
    return look.reason is Reason.LATER and open_question


async def _question(means: Means, look: Look, began: float) -> Ground:
    """A question is answered from what is frozen, also when the source is gone."""
    current = await means.db.read(store.current, look.ticket.id)
    number, frozen, made = 0, None, None
    if current is not None and current.made_by != MADE_BY:
        number, made = current.snapshot_id, current.diagnosis
        frozen = await means.db.read(store.snapshot, number)
    elif (found := await means.db.read(store.latest_snapshot, look.ticket.id)) is not None:
        number, frozen = found
    if frozen is None:
        subject = means.subject(look.ticket.subject)
        frozen = await gather(means.db, means.clock, subject, look.ticket, look.reason)
    form = None
    if made is None:
        thought = await asyncio.to_thread(_think, frozen, False)
        made, form = thought[0], thought[1]
    said = questions.answer(look.asked, frozen, made)
    model = means.allowed.model_for(look.ticket.subject)
    ground = Ground(number, frozen, made, began, model is not None, said, form)
    if model is None:
        await means.db.write_as(means.epoch, answered, means, look, ground, made, said)
    return ground


def answered(
    tx: Tx, means: Means, look: Look, ground: Ground, made: Diagnosis, said: Answer
) -> int:
    """Keep the answer to a question and finish its look; the number of the diagnosis."""
    number = ground.kept(tx, look.ticket.id)
    seconds = means.clock.monotonic() - ground.began
    new = New(look.ticket.id, number, made, look.reason, seconds, look.id, look.asked, said)
    saved = store.save_diagnosis(tx, new)
    looks.finish(tx, look.id, means.epoch)
    return saved
