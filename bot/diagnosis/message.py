"""From an outbox row about a diagnosis to its message, as things are now."""

from __future__ import annotations

from bot.blocks import Message
from bot.diagnosis import answer, views
from bot.diagnosis.facts import number_of
from bot.diagnosis.look import Values, shown
from bot.tickets.look import Surroundings
from core.db import Tx
from core.diagnosis import store
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
