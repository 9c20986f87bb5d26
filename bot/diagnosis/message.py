"""From an outbox row about a diagnosis to its message, as things are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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
    if isinstance(same_at := row.data.get("same_at"), int | float):
        one = replace(one, same_at=float(same_at))
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
    return progress.progress(
        Progress(
            id=number,
            ticket_id=_int(said.get("ticket_id")),
            text=str(said.get("text") or ""),
            asked_by=look.asked_by or "",
            turn=_int(said.get("turns")) or _int(said.get("turn")),
            max_turns=_int(said.get("max_turns")),
            tokens=_int(said.get("tokens")),
            micro_dollars=_int(said.get("micro_dollars")),
            limit_micro_dollars=_int(said.get("limit_micro_dollars")),
            seconds=_float(said.get("seconds")),
            ended=_ended(said, look),
            stopped_by=look.stopped_by or "",
            why=str(said.get("why") or ""),
            steps=_texts(said.get("steps")),
            cards=not said.get("plain"),
            name_of=around.name_of,
        )
    )


def _int(found: object) -> int:
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _texts(found: object) -> tuple[str, ...]:
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def _float(found: object) -> float:
    return float(found) if isinstance(found, int | float) else 0.0


def _ended(said: Mapping[str, Any], look: looks.Standing) -> str:
    """How it ended: as was told, or, of one that was given up without a word, by its state."""
    told = str(said.get("ended") or "")
    if told or look.state != "dropped":
        return told
    return "failed" if look.stopped_by is None else "stopped"
