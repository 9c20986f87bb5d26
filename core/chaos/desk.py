"""What people are shown before they break something: what there is, what it would do, what it costs.

Looks at the live subject and harms nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.chaos import before, safety
from core.chaos.driver import Breakable, Driver
from core.chaos.model import Experiment, Fault, Margin
from core.chaos.order import Rules
from core.chaos.safety import Look, May
from core.db import Database
from core.errors import Refused, TocsinError


@dataclass(frozen=True, slots=True)
class Offer:
    """One experiment on one subject; `unavailable` says why it cannot be run, "" if it can."""

    experiment: Experiment
    unavailable: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What may be run on one subject; `off` says why nothing may. `targets` are entities with what
    people call them; `faults` what each driver can do ("" = can), by driver."""

    subject: str
    kind: str
    off: str = ""
    offers: tuple[Offer, ...] = ()
    targets: Mapping[str, str] | None = None
    faults: Mapping[str, Mapping[Fault, str]] | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """One experiment as it would be run now; `refused` says why it must not be, "" if it may.

    `entities` are whom it would break, one after the other.
    """

    experiment: Experiment
    subject: str
    duration_s: float
    entities: tuple[str, ...] = ()
    name: str = ""
    driver: str = ""
    words: str = ""
    undo_words: str = ""
    radius: str = ""
    margin: Margin | None = None
    refused: str = ""


class Desk:
    """Answers questions about experiments, on the subjects that this process watches."""

    def __init__(self, db: Database, subjects: Mapping[str, Any], rules: Rules, look: Look) -> None:
        self._db = db
        self._subjects = subjects
        self._look = look
        self.rules = rules

    async def catalogue(self, subject: str) -> Catalogue:
        """What there is to run on a subject. NotFound or Refused if there is no such subject."""
        known = self.rules.subjects.get(subject)
        kind = known.kind if known else ""
        try:
            if known is None or not known.chaos.enabled:
                raise Refused(
                    f"{subject} does not opt in: set enabled = true in its [subjects.chaos]."
                )
            breakable = before.breakable(self._subjects, subject)
        except Refused as error:
            return Catalogue(subject, kind, error.text)
        drivers = breakable.drivers()
        faults = {one.name: dict(await one.faults()) for one in drivers}
        offers = [
            Offer(one, await self._unavailable(breakable, subject, one))
            for one in self.rules.catalog.of_kind(kind, subject)
        ]
        return Catalogue(subject, kind, "", tuple(offers), await _targets(drivers), faults)

    async def _unavailable(self, breakable: Breakable, subject: str, one: Experiment) -> str:
        try:
            self.rules.duration_s(one, subject, None)
            await before.choose(breakable, subject, one, self.rules.subjects[subject].chaos)
        except TocsinError as error:
            return error.text
        return ""

    async def preview(
        self,
        name: str,
        subject: str = "",
        target: str = "",
        duration_s: float | None = None,
        seed: int = 0,
    ) -> Preview:
        """What would be done, and whether it may. NotFound or Invalid for what cannot be understood;
        everything else that is in the way is said in `refused`."""
        experiment = self.rules.catalog.get(name)
        chosen = self.rules.subject_for(experiment, subject)
        plain = Preview(experiment, chosen, duration_s or experiment.duration_s)
        try:
            return await self._preview(plain, target, duration_s, seed)
        except TocsinError as error:
            return _refused(plain, error.text)

    async def _preview(
        self, plain: Preview, target: str, duration_s: float | None, seed: int
    ) -> Preview:
        experiment, subject = plain.experiment, plain.subject
        own = self.rules.subjects[subject].chaos
        breakable = before.breakable(self._subjects, subject)
        driver = await before.choose(breakable, subject, experiment, own)
        lasts = self.rules.duration_s(experiment, subject, duration_s)
        most = self.rules.limits.max_targets
        found = await before.entities(breakable, driver, experiment, target, seed, most)
        made = await before.ready(breakable, driver, experiment, found[0], lasts, own)
        sick = await self._db.read(
            safety.sick,
            subject,
            self._look(subject),
            experiment.steady_for_s,
            None,
            experiment.steady,
        )
        refused = "" if made.margin.ok else f"Not without {found[0]}: {made.margin.words}."
        return Preview(
            experiment,
            subject,
            lasts,
            found,
            made.plan.target.name,
            driver.name,
            made.plan.words,
            made.plan.undo_words,
            made.plan.radius,
            made.margin,
            refused or (f"{sick}." if sick else ""),
        )

    async def may(self, subject: str, verb: str, selector: str) -> May:
        """Whether a person may do `verb` to something of the subject by hand just now."""
        known = self._subjects.get(subject)
        found = known if isinstance(known, Breakable) else None
        return await safety.may(found, subject, verb, selector)


async def _targets(drivers: tuple[Driver, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for driver in drivers:
        try:
            for one in await driver.targets():
                found.setdefault(one.entity, one.name)
        except TocsinError:
            # Its faults are listed with the reason; here it only has nobody to name.
            continue
    return found


def _refused(plain: Preview, why: str) -> Preview:
    return Preview(plain.experiment, plain.subject, plain.duration_s, refused=why)
