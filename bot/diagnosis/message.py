"""From an outbox row about a diagnosis to its message, as things are now."""

from __future__ import annotations

from bot.blocks import Message
from bot.diagnosis import answer, progress, views
from bot.diagnosis.facts import Progress, number_of
from bot.diagnosis.look import Values, shown
from bot.tickets.look import Surroundings
from core.db import Tx
from core.diagnosis import looks, store
from core.diagnosis.model import Reason
from core.errors import NotFound
from core.outbox import Row


def of_diagnosis(tx: Tx, row: Row, around: Surroundings, values: Values) -> Message | None:
    """A diagnosis, an answer, or that nothing changed; None once it is kept no more."""
    try:
        made = store.get(tx, number_of(row.ref))
    except NotFound:
        return None
    revises = row.data.get("revises")
    one = shown(tx, made, around, values, revises if isinstance(revises, int) else None)
    if made.question:
        return answer.answered(one)
    before = one.previous
    if (
        made.reason is Reason.ASKED
        and before is not None
        and not views.change(before, one.diagnosis)
    ):
        return views.unchanged(one)
    return views.diagnosis(one)


def of_progress(tx: Tx, row: Row, around: Surroundings) -> Message | None:
    """A model at work, or what it took; None once nothing is known of it any more."""
    number = number_of(row.ref)
    look = looks.get(tx, number)
    if look is None:
        return None
    said = row.data
    made = next(iter(reversed(store.of_investigation(tx, number))), None)
    spent = made.spent if made is not None else None
    known = spent.micro_dollars if spent is not None else 0
    return progress.progress(
        Progress(
            id=number,
            ticket_id=_int(said.get("ticket_id")),
            text=str(said.get("text") or ""),
            asked_by=look.asked_by or "",
            turn=_int(said.get("turn")),
            max_turns=_int(said.get("max_turns")),
            micro_dollars=max(_int(said.get("micro_dollars")), known),
            limit_micro_dollars=_int(said.get("limit_micro_dollars")),
            seconds=max(_float(said.get("ended_at")) - row.created_at, 0.0),
            ended=_ended(look),
            stopped_by=look.stopped_by or "",
            why=look.error,
            name_of=around.name_of,
        )
    )


def _int(found: object) -> int:
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _float(found: object) -> float:
    return float(found) if isinstance(found, int | float) else 0.0


def _ended(look: looks.Standing) -> str:
    if look.state in ("due", "working"):
        return ""
    if look.stopped_by is not None:
        return "stopped"
    return "failed" if look.state == "dropped" else "done"
