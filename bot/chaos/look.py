"""What surrounds one run when it is shown: read in the transaction that shows it."""

from __future__ import annotations

import msgspec

from bot.chaos.facts import Shown
from bot.tickets.look import Surroundings
from core.chaos.model import Story
from core.db import Tx
from core.runs import harm
from core.runs.model import Run
from core.tickets import store

TICKETS = 200


def story_of(run: Run) -> Story:
    """What a run's row keeps, as a Story; what an older or newer release kept besides is left."""
    return msgspec.convert(dict(run.data), Story, strict=False)


def shown(tx: Tx, run: Run, around: Surroundings) -> Shown:
    """A run with its tickets and the names of everything."""
    story = story_of(run)
    tickets = store.by_ids(tx, list(story.tickets)[:TICKETS])
    return Shown(
        run=run,
        story=story,
        now=tx.now,
        title=str(story.experiment.get("title") or run.name),
        subject=around.label(run.subject),
        tickets=tuple(tickets[n] for n in story.tickets if n in tickets),
        unhealed=sum(fault.open for fault in harm.of_run(tx, run.id)),
        name_of=around.name_of,
    )
