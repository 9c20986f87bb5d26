"""What surrounds one run when it is shown: read in the transaction that shows it."""

from __future__ import annotations

from bot.chaos.facts import Shown
from bot.tickets.look import Surroundings
from core.chaos import sightings, story
from core.chaos.model import Story
from core.db import Tx
from core.runs import harm
from core.runs.model import Run
from core.tickets import store
from core.tickets.model import Ticket

TICKETS = 200


def shown(tx: Tx, run: Run, around: Surroundings) -> Shown:
    """A run with its tickets and the names of everything."""
    kept = story.of(run)
    return Shown(
        run=run,
        story=kept,
        now=tx.now,
        title=str(kept.experiment.get("title") or run.name),
        subject=around.label(run.subject),
        tickets=_tickets(tx, run, kept),
        unhealed=sum(fault.open for fault in harm.of_run(tx, run.id)),
        name_of=around.name_of,
    )


def _tickets(tx: Tx, run: Run, kept: Story) -> tuple[Ticket, ...]:
    """Those that opened meanwhile; while it is under way, also what the runner has yet to note."""
    if run.live and kept.injected_at is not None:
        return sightings.since(tx, run.subject, kept.injected_at).opened[:TICKETS]
    found = store.by_ids(tx, list(kept.tickets)[:TICKETS])
    return tuple(found[n] for n in kept.tickets if n in found)
