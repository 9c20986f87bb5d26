"""What the ordinary monitor and the ordinary diagnosis said meanwhile: read from their tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from core import schema
from core.chaos import truth
from core.chaos.model import Experiment, Story
from core.db import Tx
from core.diagnosis import store as diagnoses
from core.invariant import Severity
from core.tickets.model import Ticket
from core.tickets.store import from_row

t = schema.tickets
MOST = 200
"""Tickets of one experiment that are looked at and kept."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What has opened since the fault, oldest first, and what is not well yet."""

    opened: tuple[Ticket, ...] = ()

    @property
    def sick(self) -> tuple[Ticket, ...]:
        """Those of them that are still seen broken, infos aside."""
        return tuple(one for one in self.opened if one.open and one.broken and _matters(one))

    @property
    def critical(self) -> tuple[Ticket, ...]:
        """Those that would have paged somebody."""
        return tuple(one for one in self.opened if one.severity is Severity.CRITICAL)


def _matters(one: Ticket) -> bool:
    return one.severity.rank >= Severity.WARNING.rank


def since(tx: Tx, subject: str, at: float) -> Seen:
    """The tickets of a subject that opened, or opened again, at `at` or later."""
    began = sa.func.coalesce(t.c.reopened_at, t.c.opened_at)
    rows = tx.rows(
        sa.select(t).where(t.c.subject == subject, began >= at).order_by(began, t.c.id).limit(MOST)
    )
    return Seen(tuple(from_row(row) for row in rows))


def began_at(ticket: Ticket) -> float:
    """When this episode of the ticket opened."""
    return ticket.reopened_at or ticket.opened_at


def detection(seen: Seen, expects: Sequence[str], entity: str) -> Ticket | None:
    """The first ticket of an expected invariant that is about the target: about the entity itself,
    or about a whole ("pd", "cluster"), not about another of its kind."""
    for one in seen.opened:
        if one.invariant in expects and (one.entity == entity or ":" not in one.entity):
            return one
    return None


def noted(tx: Tx, story: Story, experiment: Experiment, seen: Seen) -> Story:
    """The story with what was seen since: tickets, detection, diagnosis."""
    numbers = tuple(dict.fromkeys((*story.tickets, *(one.id for one in seen.opened))))[:MOST]
    story = replace(story, tickets=numbers)
    if story.detected_at is None:
        found = detection(seen, experiment.expects, story.entity)
        if found is not None:
            story = replace(
                story,
                detected_at=began_at(found),
                detected_by=found.invariant,
                detected_ticket=found.id,
            )
    if story.detected_ticket is None:
        return story
    return _diagnosed(tx, story, experiment)


def _diagnosed(tx: Tx, story: Story, experiment: Experiment) -> Story:
    """The newest diagnosis counts, from the first that said the same.

    What looked only after the healing saw nothing wrong any more, and rightly: it counts where
    nobody looked before.
    """
    since_at = story.injected_at or 0.0
    made = [
        one
        for one in diagnoses.of_ticket(tx, story.detected_ticket or 0)
        if one.made_at >= since_at and not one.question
    ]
    if not made:
        return story
    broken = [one for one in made if one.diagnosis.taken_at <= (story.heal_began_at or math.inf)]
    made = broken or made[:1]
    last = made[-1].diagnosis
    first = next(
        one
        for one in made
        if (one.diagnosis.cause, one.diagnosis.entity) == (last.cause, last.entity)
    )
    return replace(
        story,
        diagnosed_at=first.made_at,
        diagnosed_as=last.cause,
        right=truth.score(experiment.fault, story.entity, last),
    )
