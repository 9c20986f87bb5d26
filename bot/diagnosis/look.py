"""What surrounds one diagnosis when it is shown: read in the transaction that shows it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from bot import certainty
from bot.diagnosis.facts import NO_VALUES, Shown
from bot.diagnosis.views import change
from bot.tickets.look import Surroundings
from core.db import Tx
from core.diagnosis import looks, store
from core.diagnosis.made import Made
from core.diagnosis.model import Diagnosis, Snapshot
from core.errors import TocsinError
from core.tickets import store as tickets

log = structlog.get_logger()
KEPT = 200
Seen = tuple[Mapping[str, str], Mapping[str, str]]


@dataclass(slots=True)
class Values:
    """What the checks of diagnoses saw, kept by diagnosis: evidence never changes, and unpacking it
    takes longer than showing it."""

    _kept: OrderedDict[int, Seen] = field(default_factory=OrderedDict)

    def of(self, tx: Tx, made: Made) -> Seen:
        """Values by `certainty.key_of`, and whom each piece was asked of; both empty where the
        evidence is not to be had any more."""
        found = self._kept.get(made.id)
        if found is None:
            evidence, said = snapshot_of(tx, made), made.diagnosis
            found = (NO_VALUES, NO_VALUES)
            if evidence is not None:
                found = (certainty.values(said, evidence), certainty.sources(said, evidence))
            self._kept[made.id] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


def snapshot_of(tx: Tx, made: Made) -> Snapshot | None:
    """The evidence of a diagnosis; None where it is kept no more or cannot be trusted."""
    try:
        return store.snapshot(tx, made.snapshot_id)
    except TocsinError as error:
        log.warning("evidence cannot be shown", action="evidence", why=error.text)
        return None


def shown(
    tx: Tx, made: Made, around: Surroundings, values: Values, revises: int | None = None
) -> Shown:
    """A diagnosis as it stands now; `revises` is the one that was told before it."""
    ticket = tickets.find(tx, made.ticket_id)
    now = store.current(tx, made.ticket_id)
    seen, sources = values.of(tx, made)
    return Shown(
        id=made.id,
        ticket_id=made.ticket_id,
        made_at=made.made_at,
        reason=made.reason,
        diagnosis=made.diagnosis,
        seconds=made.seconds,
        subject="" if ticket is None else around.label(ticket.subject),
        previous=None if revises is None else _before(tx, revises),
        superseded=_superseded(made, now),
        final=ticket is None or not ticket.open,
        asked_by=_asked_by(tx, made),
        question=made.question,
        answer=made.answer,
        values=seen,
        sources=sources,
        spent=made.spent,
        note=made.note,
        useful=made.useful,
        useless=made.useless,
        name_of=around.name_of,
    )


def _superseded(made: Made, now: Made | None) -> bool:
    """Whether a later one says something else; one that only says the same leaves it as it is."""
    if now is None or now.id <= made.id:
        return False
    return bool(change(made.diagnosis, now.diagnosis))


def _asked_by(tx: Tx, made: Made) -> str:
    number = made.investigation_id
    found = None if number is None else looks.get(tx, number)
    return (found.asked_by or "") if found is not None else ""


def _before(tx: Tx, diagnosis_id: int) -> Diagnosis | None:
    try:
        return store.get(tx, diagnosis_id).diagnosis
    except TocsinError:
        return None
