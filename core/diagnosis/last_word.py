"""What is said of a ticket when looking at it failed every time: that, and how to go on by hand."""

from __future__ import annotations

from typing import Protocol

from core import events
from core.db import Tx
from core.diagnosis import store
from core.diagnosis.encode import Answer
from core.diagnosis.made import New
from core.diagnosis.model import Certainty, Diagnosis, Piece, Reason, Snapshot
from core.tickets.model import Ticket

ACTION = (
    "Look at it by hand: what the ticket says is all that is known. "
    "Diagnose again once the sources answer."
)


class Failed(Protocol):
    """The look that failed."""

    @property
    def id(self) -> int: ...

    @property
    def asked_by(self) -> str | None: ...

    @property
    def asked(self) -> str: ...


def tell(tx: Tx, ticket: Ticket, reason: Reason, look: Failed, why: str) -> None:
    """`diagnosis.dropped` (investigation_id, why) tells of the look that was given up; a ticket that
    would be left without a word, or a person without an answer, gets one."""
    data = {"investigation_id": look.id, "why": why}
    events.emit(tx, events.New("diagnosis.dropped", ticket.subject, ticket.id, data=data))
    if look.asked_by is None and store.current(tx, ticket.id) is not None:
        return
    frozen = store.save_snapshot(tx, ticket.id, evidence(ticket, reason, why, tx.now))
    said = diagnosis(ticket, why, tx.now)
    answer = Answer(f"{said.primary} {why}") if look.asked else None
    new = New(ticket.id, frozen, said, reason, 0.0, look.id, question=look.asked, answer=answer)
    store.save_diagnosis(tx, new)


def evidence(ticket: Ticket, reason: Reason, error: str, now: float) -> Snapshot:
    """The ticket itself, and that nothing else could be had."""
    opened_at = max(ticket.opened_at, ticket.reopened_at or 0.0)
    said = {"invariant": ticket.invariant, "title": ticket.title, "summary": ticket.summary}
    moment = (now, now)
    return Snapshot(
        subject=ticket.subject,
        invariant=ticket.invariant,
        entity=ticket.entity,
        opened_at=opened_at,
        taken_at=now,
        reason=reason,
        pieces=(
            Piece("e1", "ticket", "the ticket", ticket.entity, now, moment, said),
            Piece(
                *("e2", "source", f"subject {ticket.subject}", ticket.entity, now, moment),
                ok=False,
                error=error,
            ),
        ),
        severity=ticket.severity,
        title=ticket.title,
    )


def diagnosis(ticket: Ticket, error: str, now: float) -> Diagnosis:
    """Inconclusive, with the reason why among what could not be seen."""
    return Diagnosis(
        cause="unknown",
        entity=ticket.entity,
        primary="What is behind this could not be looked at.",
        certainty=Certainty.INCONCLUSIVE,
        claims=(),
        alternatives=(),
        action=ACTION,
        commands=(),
        severity=ticket.severity,
        risks=(),
        unseen=(error,),
        timeline=(),
        affected=(ticket.entity,),
        readings={},
        made_by="rules",
        taken_at=now,
    )
