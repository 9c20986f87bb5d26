"""A run's story as its row keeps it, and its steps: each is one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from core.chaos.catalog.read import from_table
from core.chaos.model import Experiment, Stage, Story
from core.chaos.safety import Limits, Look
from core.chaos.undo import Healed
from core.clock import Clock
from core.db import Database, Tx
from core.runs import store
from core.runs.model import FaultRecord, Outcome, Run


def of(run: Run) -> Story:
    """What the row keeps; keys of another release are left out, and what cannot be read is empty:
    healing needs none of it."""
    try:
        return msgspec.convert(dict(run.data), Story, strict=False)
    except msgspec.ValidationError:
        return Story({}, 0.0, interrupted="what was kept of it cannot be read")


def experiment_of(story: Story) -> Experiment:
    """The experiment as it was when it was asked for."""
    return from_table(story.experiment)


def plain(story: Story) -> dict[str, Any]:
    """The story as JSON."""
    made: dict[str, Any] = msgspec.to_builtins(story)
    return made


class Heals(Protocol):
    """Healing from inside, and the detached healers (core.chaos.healing.Healers)."""

    async def arm(self, fault: FaultRecord, words: str) -> int:
        """Start the detached healer."""
        ...

    async def returned(self, fault: FaultRecord) -> None:
        """The injecting call came back."""
        ...

    async def verified(self, fault_id: int) -> None:
        """It is over."""
        ...

    async def heal(self, fault: FaultRecord, now: float) -> Healed:
        """Undo once."""
        ...

    def tidy(self, keep: frozenset[int]) -> None:
        """Remove what is over."""
        ...


def _nothing(_name: str) -> None:
    return None


def _nowhere(_subject: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Means:
    """What a step needs. `subjects` holds every watched subject by name; `reach` is called at named
    points, so that a harness may end the process there."""

    db: Database
    clock: Clock
    epoch: int
    subjects: Mapping[str, Any]
    healers: Heals
    limits: Limits = field(default_factory=Limits)
    look: Look = _nowhere
    reach: Callable[[str], None] = _nothing

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.now().timestamp()

    async def advance(self, run: Run, story: Story, stage: Stage | None = None) -> Run:
        """Keep what is known, and go on to `stage`."""
        return await self.db.write_as(self.epoch, advance, run, story, stage)

    async def finish(self, run: Run, story: Story, outcome: Outcome, why: str) -> Run:
        """End it, with the reason in words."""
        return await self.db.write_as(self.epoch, finish, run, story, outcome, why)


def advance(tx: Tx, run: Run, story: Story, stage: Stage | None = None) -> Run:
    """Keep what is known, and go on to `stage`."""
    return store.advance(tx, run, stage=None if stage is None else str(stage), data=plain(story))


def finish(tx: Tx, run: Run, story: Story, outcome: Outcome, why: str) -> Run:
    """End it, with the reason in words."""
    return store.finish(tx, run, outcome, {**plain(story), "why": why, "until": None})
