"""The configured subjects as a guest reads them: to look before something is broken, harming nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from core.chaos.desk import Desk
from core.chaos.model import Experiment
from core.chaos.order import Known, Rules
from core.chaos.order import rules as rules_of
from core.chaos.safety import Sight
from core.chaos.settings import SubjectChaos
from core.clock import Clock
from core.config import Config
from core.db import Database
from core.maintenance import watched
from core.subject import OWN, Subject
from core.wiring import build_subjects

GUEST_S = 5.0
UNKNOWN = Known("", SubjectChaos(enabled=True, drivers=("pd",)))
"""A subject of which only its name is known here."""


@asynccontextmanager
async def opened(settings: Config, clock: Clock) -> AsyncIterator[Mapping[str, Subject]]:
    """The configured subjects by name, not watched; closed with the block."""
    built = build_subjects(settings, clock)
    try:
        yield {one.name: one for one in built}
    finally:
        for one in built:
            await one.close()


def desk(db: Database, subjects: Mapping[str, Subject], rules: Rules, clock: Clock) -> Desk:
    """Answers about experiments from a process that does not watch: tickets are read from the
    database, and how fresh its view is, is for the process that watches to judge."""

    def sight(_subject: str) -> Sight | None:
        return Sight(clock.now().timestamp(), GUEST_S)

    return Desk(db, subjects, rules, sight)


async def rules(db: Database, settings: Config) -> Rules:
    """What may be run. Where this configuration names no subject, whatever the database's bot
    watches may be asked for, and that bot judges."""
    found = rules_of(settings.file)
    if found.subjects:
        return found
    names = [one.name for one in await db.read(watched) if one.name != OWN]
    return Rules(found.catalog, found.limits, dict.fromkeys(names, UNKNOWN))


def fits_unknown(rules: Rules, experiment: Experiment) -> Rules:
    """The rules, with subjects of unknown kind taken to be of the experiment's."""
    kind = experiment.kinds[0] if experiment.kinds else ""
    known = {n: one if one.kind else Known(kind, one.chaos) for n, one in rules.subjects.items()}
    return Rules(rules.catalog, rules.limits, known)
