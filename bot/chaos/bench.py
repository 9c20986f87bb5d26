"""What `/chaos` asks of the running program, as its views want it: catalogue and plan.

A process that stands by watches nothing: it takes orders, and the one that watches plans them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bot.chaos.facts import Catalogue, Offer, Preview
from bot.chaos.parse import Ask
from core.chaos import desk
from core.chaos.desk import Desk
from core.chaos.model import Experiment
from core.chaos.order import Rules
from core.clock import Clock, within
from core.errors import TocsinError, Unavailable

T = TypeVar("T")
PLAN_S = 12.0
"""So long all the reads for one answer may take."""
LATER = "told once it begins: the process that watches plans it"


def _nowhere(_subject: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Bench:
    """`desk` None: this process does not watch. `where` names the channel of a subject's card."""

    rules: Rules
    clock: Clock
    desk: Desk | None = None
    where: Callable[[str], str] = _nowhere

    async def catalogues(self) -> tuple[Catalogue, ...]:
        """What can be run on each subject that some experiment fits."""
        fitting = {
            name: self.rules.catalog.of_kind(known.kind, name)
            for name, known in self.rules.subjects.items()
        }
        found = (self._catalogue(name, offered) for name, offered in fitting.items() if offered)
        return tuple(await asyncio.gather(*found))

    async def _catalogue(self, name: str, fitting: Sequence[Experiment]) -> Catalogue:
        """One subject's; one that cannot be read keeps no other from being listed."""
        if self.desk is None:
            enabled = self.rules.subjects[name].chaos.enabled
            offers = tuple(_offer(one, "") for one in fitting) if enabled else ()
            return Catalogue(name, offers, "" if enabled else f"{name} does not opt in.")
        try:
            return _catalogue(await self._within(name, self.desk.catalogue(name)))
        except TocsinError as error:
            return Catalogue(name, off=error.text)

    async def preview(self, ask: Ask) -> Preview:
        """The experiment as it would be run now; with `refused` where it must not be."""
        experiment = self.rules.catalog.get(ask.experiment)
        subject = self.rules.subject_for(experiment, ask.subject)
        where = self.where(subject)
        if self.desk is None:
            lasts = self.rules.duration_s(experiment, subject, ask.for_s)
            plain = desk.Preview(experiment, subject, lasts, (ask.target,) if ask.target else ())
            return _preview(plain, ask.target, where, LATER)
        seed = int(self.clock.now().timestamp() * 1000) % 2**31
        found = await self._within(
            subject, self.desk.preview(experiment.name, subject, ask.target, ask.for_s, seed)
        )
        return _preview(found, ask.target, where, "")

    async def _within(self, subject: str, reading: Awaitable[T]) -> T:
        try:
            return await within(self.clock, PLAN_S, reading)
        except TimeoutError:
            raise Unavailable(
                f"{subject} could not be read within {PLAN_S:g} s. Nothing was touched."
            ) from None


def _catalogue(found: desk.Catalogue) -> Catalogue:
    targets = tuple(
        name if name == entity or entity.endswith(f":{name}") else f"{name} ({entity})"
        for entity, name in (found.targets or {}).items()
    )
    offers = tuple(_offer(one.experiment, one.unavailable) for one in found.offers)
    return Catalogue(found.subject, offers, found.off, targets)


def _offer(one: Experiment, unavailable: str) -> Offer:
    return Offer(
        name=one.name,
        title=one.title,
        fault=str(one.fault),
        selector=one.selector,
        duration_s=one.duration_s,
        expects=one.expects,
        detect_within_s=one.detect_within_s,
        unavailable=unavailable,
    )


def _preview(found: desk.Preview, asked: str, where: str, unread: str) -> Preview:
    experiment, several = found.experiment, len(found.entities) > 1
    first = found.entities[0] if found.entities else ""
    name = found.name or first or experiment.selector
    return Preview(
        name=experiment.name,
        title=experiment.title,
        about=experiment.about,
        subject=found.subject,
        duration_s=found.duration_s,
        target=f"{len(found.entities)} in turn, first {name}" if several else name,
        # One after the other is asked for as such, and one thing by its own name: what was
        # confirmed is what will be broken.
        entity=(asked or experiment.selector) if several else first,
        words=found.words,
        radius=found.radius or unread,
        undo_words=found.undo_words,
        margin=found.margin.words if found.margin is not None else unread,
        expects=experiment.expects,
        detect_within_s=experiment.detect_within_s,
        recover_within_s=experiment.recover_within_s,
        refused=found.refused,
        where=where,
    )
