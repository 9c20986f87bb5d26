"""Telling of diagnoses in the threads of their tickets: each is a reply, and wakes nobody.

A diagnosis that nobody asked for is told where its ticket has a card of its own; in the thread of
a message that gathers many tickets only what people ask for is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.diagnosis.facts import diagnosis_ref, investigation_ref
from core import outbox, reconcile
from core.db import Tx
from core.diagnosis import looks, store
from core.diagnosis.made import Made
from core.diagnosis.model import Reason
from core.errors import NotFound
from core.events import Event
from core.outbox import Anchor, Effect, Priority
from core.placements import Placement

STEPS = 20
"""Steps of a model's work that are kept."""
TOLD = "ticket.diagnosed"
ANSWERED = "ticket.answered"
SAME = "diagnosis.unchanged"
PROGRESS = "diagnosis.progress"
FEEDBACK = "diagnosis.feedback"
KINDS = frozenset(
    (
        *(TOLD, ANSWERED, PROGRESS, FEEDBACK, "diagnosis.stopped"),
        *(SAME, "diagnosis.asked", "diagnosis.dropped", "diagnosis.ended"),
    )
)


_TOLD_OF = (
    *("text", "turn", "max_turns", "micro_dollars", "limit_micro_dollars"),
    *("ended", "why", "turns", "tokens", "seconds", "steps", "model"),
)
"""What events about an investigation say that its message shows."""
ASIDE = KINDS - {TOLD}
"""Those of which the card says nothing."""


@dataclass(frozen=True, slots=True)
class Thread:
    """Where the ticket of an event is told, as far as it is."""

    tx: Tx
    team: str
    place: Placement
    anchor: Anchor

    def tell(self, event: Event) -> None:
        """Intend what an event of KINDS leads to."""
        if event.kind in (TOLD, ANSWERED):
            self._made(event)
        elif event.kind == PROGRESS:
            self._progress(event)
        elif event.kind == FEEDBACK:
            self._again(diagnosis_ref(_number(event, "diagnosis_id")), "diagnosis", Priority.HUMAN)
        elif event.kind == SAME:
            self._same(event)
        elif "investigation_id" in event.data:
            self._stirred(event)

    def _made(self, event: Event) -> None:
        try:
            made = store.get(self.tx, _number(event, "diagnosis_id"))
        except NotFound:
            return
        if not self._worth_telling(made):
            return
        before, asked = event.data.get("revises"), made.reason is Reason.ASKED
        self._post(diagnosis_ref(made.id), "diagnosis", asked=asked, revises=before)
        if isinstance(before, int):
            self._again(diagnosis_ref(before), "diagnosis", Priority.UPKEEP)

    def _same(self, event: Event) -> None:
        """A later look says the same: the message of the earlier one says when."""
        ref = diagnosis_ref(_number(event, "same_as"))
        for anchor in outbox.anchors(self.tx, [ref], ("diagnosis",)).values():
            reconcile.amend(self.tx, anchor.key, {"same_at": event.at})
            self._again(ref, "diagnosis", Priority.UPKEEP)

    def _worth_telling(self, made: Made) -> bool:
        return made.reason is Reason.ASKED or self.place.place == "card"

    def _progress(self, event: Event) -> None:
        number = _number(event, "investigation_id")
        ref = investigation_ref(number)
        told = {name: event.data[name] for name in _TOLD_OF if name in event.data}
        told["ticket_id"] = event.ticket_id
        for anchor in outbox.anchors(self.tx, [ref], ("progress",)).values():
            reconcile.amend(self.tx, anchor.key, {**told, "steps": self._steps(anchor.key)})
            self._again(ref, "progress", Priority.NEWS)
            return
        look = looks.get(self.tx, number)
        if self.place.place == "card" or (look is not None and look.asked_by is not None):
            self._post(ref, "progress", asked=False, **told)

    def _steps(self, key: str) -> list[str]:
        """What was done so far: the step that was shown until now is done."""
        row = outbox.get(self.tx, key)
        said = {} if row is None else row.data
        done, last = list(said.get("steps") or ()), said.get("text")
        return [*done, last][-STEPS:] if last and last not in done[-1:] else done

    def _stirred(self, event: Event) -> None:
        """Somebody stopped a look, or it has ended: its progress, if it is shown, says so."""
        ref = investigation_ref(_number(event, "investigation_id"))
        told = {name: event.data[name] for name in _TOLD_OF if name in event.data}
        for anchor in outbox.anchors(self.tx, [ref], ("progress",)).values():
            reconcile.amend(self.tx, anchor.key, told)
            self._again(ref, "progress", Priority.HUMAN)

    def _post(self, ref: str, kind: str, *, asked: bool, **data: Any) -> None:
        first = Priority.HUMAN if asked else Priority.NEWS
        channel, key = self.anchor.channel, self.anchor.key
        # Unique per channel: told already under the card that a ticket got later, it stays told.
        outbox.post(
            self.tx, Effect(self.team, channel, ref, kind, first, parent_key=key, data=data)
        )

    def _again(self, ref: str, kind: str, priority: Priority) -> None:
        for anchor in outbox.anchors(self.tx, [ref], (kind,)).values():
            outbox.want_again(self.tx, anchor.key, due_at=self.tx.now, priority=priority)


def _number(event: Event, name: str) -> int:
    found = event.data.get(name)
    return found if isinstance(found, int) else 0


def under_card(tx: Tx, team: str, channel: str, ticket_id: int, card_key: str) -> None:
    """A ticket got a card of its own after it was diagnosed: what is thought of it goes below."""
    made = store.current(tx, ticket_id)
    if made is None or made.ticket_id != ticket_id:
        return
    ref = diagnosis_ref(made.id)
    outbox.post(tx, Effect(team, channel, ref, "diagnosis", Priority.NEWS, parent_key=card_key))
