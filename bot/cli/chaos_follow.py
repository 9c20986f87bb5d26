"""Following one run on a terminal until its report, as its events are committed."""

from __future__ import annotations

from collections.abc import Callable

from bot.cli.chaos_tell import happened
from bot.cli.common import local_time
from bot.cli.names import name_of
from bot.text import terminal
from core import events, lock, people
from core.clock import Clock
from core.db import Database, Tx
from core.events import Event
from core.runs import store
from core.runs.model import Run, State
from core.tickets import store as tickets
from core.tickets.model import Ticket

LOOK_S = 0.2
TAKEN_ON_S = 5.0
"""A holder takes a run on within a second; after this long nobody will."""
ALONE_S = 5.0
"""A restart is over by then: whoever held the database has gone."""


def _news(tx: Tx, run_id: int, last: int) -> tuple[Run, list[tuple[Event, Ticket | None]], int]:
    """The run, what happened to it after the event `last`, and the last event that was read."""
    run = store.get(tx, run_id)
    found: list[tuple[Event, Ticket | None]] = []
    for event in events.since(tx, last):
        last = event.id
        if event.data.get("run_id") == run_id:
            found.append((event, None))
        elif event.subject == run.subject and event.kind in ("ticket.opened", "ticket.resolved"):
            found.append((event, tickets.find(tx, event.ticket_id or 0)))
    return run, found, last


async def follow(db: Database, clock: Clock, run: Run, told: Callable[[str], None]) -> Run:
    """Tell what happens until the run is reported; the run as it then is.

    Ends early, with the run as it stands, when nobody takes it on, or nobody holds the database any
    more.
    """
    last = await db.read(_before, run.id)
    began = held_at = clock.monotonic()
    while True:
        run, news, last = await db.read(_news, run.id, last)
        named = name_of(await db.read(people.names) if news else {})
        for event, ticket in news:
            line = happened(event, run, named) if ticket is None else _ticket(event, ticket)
            if line:
                told(line)
        if run.state is State.REPORTED:
            return run
        now = clock.monotonic()
        if run.state is State.CREATED and now - began > TAKEN_ON_S:
            return run
        if await lock.is_held(db):
            held_at = now
        elif now - held_at > ALONE_S:
            return run
        await clock.sleep(LOOK_S)


def _before(tx: Tx, run_id: int) -> int:
    """The event before the run's own first one."""
    newest = events.newest(tx)
    found = [e.id for e in events.since(tx, max(newest - 500, 0)) if e.data.get("run_id") == run_id]
    return min(found, default=newest + 1) - 1


def _ticket(event: Event, ticket: Ticket) -> str:
    what = event.kind.removeprefix("ticket.")
    said = f"ticket {ticket.id} {what}: {ticket.severity}, {ticket.title}"
    return f"{local_time(event.at)}  {terminal(said, 200)}"
