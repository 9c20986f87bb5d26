"""What surrounds one ticket when one person looks at it: read in the transaction that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot import words
from bot.certainty import headline, was
from bot.chaos.during import during
from bot.tickets.views.facts import Look
from core import maintenance
from core.db import Tx
from core.diagnosis import store as store_of_diagnoses
from core.tickets import store
from core.tickets.model import Ticket

SYMPTOMS_SHOWN = 20


def _no_links(_ticket: Ticket) -> tuple[tuple[str, str], ...]:
    return ()


def _same(name: str) -> str:
    return name


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the configuration adds to a ticket: links, how its subject and people are called."""

    links: Callable[[Ticket], tuple[tuple[str, str], ...]] = _no_links
    label: Callable[[str], str] = _same
    name_of: Callable[[str], str] = words.mention_of


def look(tx: Tx, ticket: Ticket, around: Surroundings) -> Look:
    """Everything that a private answer about `ticket` may need."""
    return Look(
        now=tx.now,
        subject=around.label(ticket.subject),
        symptoms=tuple(store.symptoms(tx, ticket.id, SYMPTOMS_SHOWN)),
        links=around.links(ticket),
        maintenance=_quiet(tx, ticket),
        diagnosis=_diagnosis(tx, ticket),
        experiment=during(tx, ticket.subject, ticket.opened_at),
        name_of=around.name_of,
    )


def _diagnosis(tx: Tx, ticket: Ticket) -> str | None:
    """What is thought of it now, in one line; of a symptom, what is thought of its cause."""
    if ticket.diagnosed_at is None and ticket.explained_by is None:
        return None
    if ticket.open:
        found = store_of_diagnoses.current(tx, ticket.id)
        return None if found is None else headline(found.diagnosis)
    ended = store_of_diagnoses.was_behind(tx, ticket.id)
    return None if ended is None else was(ended.diagnosis)


def brief(tx: Tx, ticket: Ticket, around: Surroundings) -> Look:
    """What a one-sentence answer needs: no query."""
    return Look(now=tx.now, subject=around.label(ticket.subject), name_of=around.name_of)


def _quiet(tx: Tx, ticket: Ticket) -> str:
    for pause in maintenance.active(tx):
        if pause.covers(ticket.subject):
            return pause.reason
    return ""
