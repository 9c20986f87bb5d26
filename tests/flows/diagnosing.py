"""Whoever makes diagnoses, by hand: the rules over a scenario's evidence, through the real store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from core import events
from core.db import Tx
from core.diagnosis import looks, questions, store
from core.diagnosis.made import New
from core.diagnosis.model import Diagnosis, Reason, Snapshot
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from tests.flows.stage import Stage

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "ours"


@cache
def evidence(name: str = "killed-by-docker") -> Snapshot:
    return snapshot(read(SCENARIOS / name))


@dataclass
class Investigator:
    """Makes what is due when it is told to; `shows` is the scenario that it sees."""

    stage: Stage
    shows: str = "killed-by-docker"

    async def looks(self) -> int:
        """Make every look that is due; how many there were."""
        return await self.stage.db.write(self._work)

    async def begins(self) -> int:
        """Begin the look that is due, and leave it at that; its number."""
        [look] = await self.stage.db.write(looks.claim, self.stage.rig.epoch, frozenset(), 10)
        return look.id

    def _work(self, tx: Tx) -> int:
        epoch = self.stage.rig.epoch
        due = looks.claim(tx, epoch, frozenset(), 10)
        for look in due:
            self._made(tx, look.ticket.id, look.reason, look.id, look.asked)
            looks.finish(tx, look.id, epoch)
        return len(due)

    async def makes(self, number: int, reason: Reason = Reason.OPENED, **changes: Any) -> int:
        """A diagnosis of a ticket that nobody asked for; its number."""
        made = await self.stage.db.write(self._made, number, reason, None, "", changes)
        await self.stage.rig.idle()
        return made

    def _made(
        self,
        tx: Tx,
        number: int,
        reason: Reason,
        look_id: int | None,
        asked: str = "",
        changes: dict[str, Any] | None = None,
    ) -> int:
        seen = evidence(self.shows)
        found = replace(self.thought(reason), **(changes or {}))
        new = New(
            ticket_id=number,
            snapshot_id=store.save_snapshot(tx, number, seen),
            diagnosis=found,
            reason=reason,
            seconds=0.04,
            investigation_id=look_id,
            question=asked,
            answer=questions.answer(asked, seen, found) if asked else None,
        )
        return store.save_diagnosis(tx, new)

    def thought(self, reason: Reason) -> Diagnosis:
        return diagnose(evidence(self.shows), first_look=reason is Reason.OPENED)

    async def progresses(self, number: int, look_id: int, **data: Any) -> None:
        """What a model at work tells."""
        await self._happens("diagnosis.progress", number, look_id, data)

    async def ends(self, number: int, look_id: int, **data: Any) -> None:
        """What is told when a model has ended."""
        await self._happens("diagnosis.ended", number, look_id, data)

    async def _happens(self, kind: str, number: int, look_id: int, data: dict[str, Any]) -> None:
        told = {"investigation_id": look_id, **data}
        news = events.New(kind, ticket_id=number, data=told)
        await self.stage.db.write(events.emit, news)
        await self.stage.rig.idle()
