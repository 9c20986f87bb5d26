"""Asking for an experiment: what may be run on which subject, and the row that asks for it.

Needs no subject at hand, so that any process of the program can take an order; the one that holds
the database carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.chaos import safety
from core.chaos.catalog.read import Catalog, fits, load, table_of
from core.chaos.model import KIND, Experiment, Story
from core.chaos.safety import Limits
from core.chaos.settings import OFF, SubjectChaos, subject_chaos
from core.chaos.story import plain
from core.config import FileConfig
from core.db import Tx
from core.errors import Invalid, NotFound
from core.runs import store
from core.runs.model import Run

MAX_TARGET = 200


@dataclass(frozen=True, slots=True)
class Known:
    """A configured subject: its kind, and its `[subjects.chaos]`."""

    kind: str
    chaos: SubjectChaos = OFF


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be run here at all: experiments, limits, and who opted in."""

    catalog: Catalog
    limits: Limits = field(default_factory=Limits)
    subjects: Mapping[str, Known] = field(default_factory=dict)

    def subject_for(self, experiment: Experiment, asked: str) -> str:
        """The subject meant: the one asked for, else the only one that fits. Invalid or NotFound."""
        if asked:
            known = self.subjects.get(asked)
            if known is None:
                there = ", ".join(sorted(self.subjects)) or "none"
                raise NotFound(f"There is no subject called {_shown(asked)}. There is {there}.")
            if not fits(experiment, known.kind, asked):
                kinds = ", ".join(experiment.kinds) or experiment.subject
                raise Invalid(f"{experiment.name} is for {kinds}; {asked} is of kind {known.kind}.")
            return asked
        able = [
            name
            for name, one in self.subjects.items()
            if one.chaos.enabled and fits(experiment, one.kind, name)
        ]
        if not able:
            kinds = ", ".join(experiment.kinds) or experiment.subject or "any kind"
            raise Invalid(
                f"{experiment.name} is for {kinds}, and nothing here that fits opted in "
                "([subjects.chaos] enabled = true)."
            )
        if len(able) > 1:
            raise Invalid(f"Say on which subject: one of {', '.join(able)}.")
        return able[0]

    def duration_s(self, experiment: Experiment, subject: str, asked_s: float | None) -> float:
        """How long the fault would stay; Invalid or Refused if that is too long."""
        own = self.subjects[subject].chaos
        return safety.duration(experiment, asked_s, self.limits, own)


def _shown(text: str) -> str:
    return repr("".join(c for c in text[:40] if c.isprintable()))


def rules(file: FileConfig) -> Rules:
    """The rules of a configuration; Invalid names the file and the key that is wrong."""
    chaos = file.chaos
    subjects = {
        one.name: Known(one.kind, subject_chaos(one.own.get("chaos"), f"subject {one.name!r}"))
        for one in file.subjects
    }
    catalog = load([Path(one) for one in chaos.files], file.experiments)
    return Rules(catalog, Limits(chaos.max_duration, chaos.max_targets), subjects)


def order(
    tx: Tx,
    rules: Rules,
    *,
    name: str,
    by: str,
    subject: str = "",
    target: str = "",
    duration_s: float | None = None,
    trial: str = "",
) -> Run:
    """Ask for an experiment. `target` is a selector or an entity of the subject (empty: the
    experiment's own), `trial` the key of a campaign's trial. Conflict if another is under way on the subject; Invalid, NotFound or Refused
    for what cannot be. What only the cluster can tell is checked when it is carried out."""
    experiment = rules.catalog.get(name)
    chosen = rules.subject_for(experiment, subject)
    safety.opted_in(rules.subjects[chosen].chaos, chosen, experiment)
    if len(target) > MAX_TARGET or not target.isprintable():
        raise Invalid("That is no target.")
    lasts = rules.duration_s(experiment, chosen, duration_s)
    story = Story(table_of(experiment), lasts, seed=int(tx.now * 1000) % 2**31)
    return store.create(
        tx,
        kind=KIND,
        subject=chosen,
        name=experiment.name,
        target=target,
        requested_by=by,
        trial=trial,
        data=plain(story),
    )
