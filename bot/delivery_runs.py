"""Telling of runs: one card each that is edited as things happen, a report in its thread.

A stage and a detection show at once, unlike the edits of tickets' cards, which wait a little for
more of the same: somebody broke something on purpose and watches. What was broken is told first:
the card of a critical ticket goes before the next edit of the run's.
"""

from __future__ import annotations

from bot.routes import Routes
from bot.sender_call import PICTURE
from core import outbox
from core.db import Tx
from core.events import Event
from core.outbox import Effect, Priority
from core.runs import artefacts, store

CARD = "run"
REPORT = "run_report"
MISSED = "run_missed"
LIST_S = 1.0
"""Tickets come in several at once."""


def run_ref(run_id: int) -> str:
    """How effects name a run."""
    return f"run:{run_id}"


def run_of(ref: str) -> int | None:
    """The reverse; None if it is no run."""
    kind, _, number = ref.partition(":")
    return int(number) if kind == "run" and number.isdecimal() else None


def tell(tx: Tx, team: str, routes: Routes, event: Event) -> None:
    """What an event about a run leads to."""
    channel = routes.of_subject(event.subject).channel
    if event.kind == "run.missed":
        effect = Effect(
            team, channel, "run:missed", MISSED, source_event=event.id, data=dict(event.data)
        )
        outbox.post(tx, effect)
        return
    if "run_id" not in event.data:
        return
    ref = run_ref(int(event.data["run_id"]))
    card = Effect(team, channel, ref, CARD, Priority.HUMAN)
    key = outbox.post(tx, card)
    outbox.want_again(tx, key, due_at=tx.now, priority=Priority.NEWS, at_once=True)
    if event.kind == "run.reported":
        _report(tx, card, key, event)


def stirred(tx: Tx, subject: str) -> None:
    """Tickets opened on a subject: the card of the experiment under way there lists them."""
    run = store.live(tx, subject)
    if run is None:
        return
    for anchor in outbox.anchors(tx, [run_ref(run.id)], (CARD,)).values():
        outbox.want_again(tx, anchor.key, due_at=tx.now + LIST_S, priority=Priority.UPKEEP)


def _report(tx: Tx, card: Effect, key: str, event: Event) -> None:
    """The report first, then the picture: without one the report is whole."""
    run_id = int(event.data["run_id"])
    for kind, name in ((REPORT, ""), *((PICTURE, n) for n in _pictures(tx, run_id))):
        effect = Effect(
            card.team,
            card.channel,
            card.ref,
            kind,
            Priority.NEWS,
            source_event=event.id,
            parent_key=key,
            data={"run_id": run_id, "name": name},
        )
        outbox.post(tx, effect)


def _pictures(tx: Tx, run_id: int) -> list[str]:
    return [name for name in artefacts.names(tx, run_id) if name.endswith(".png")][:1]
