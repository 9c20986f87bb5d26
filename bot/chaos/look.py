"""What surrounds one run when it is shown: read in the transaction that shows it."""

from __future__ import annotations

from bot.chaos.facts import Shown
from bot.tickets.look import Surroundings
from core.chaos import story
from core.db import Tx
from core.runs import harm
from core.runs.model import Run
from core.tickets import store

TICKETS = 200


def shown(tx: Tx, run: Run, around: Surroundings) -> Shown:
    """A run with its tickets and the names of everything."""
    kept = story.of(run)
    tickets = store.by_ids(tx, list(kept.tickets)[:TICKETS])
    return Shown(
        run=run,
        story=kept,
        now=tx.now,
        title=str(kept.experiment.get("title") or run.name),
        subject=around.label(run.subject),
        tickets=tuple(tickets[n] for n in kept.tickets if n in tickets),
        unhealed=sum(fault.open for fault in harm.of_run(tx, run.id)),
        name_of=around.name_of,
    )
