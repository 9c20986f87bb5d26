"""`tocsin diagnose ID --again` and its like: what the buttons of a diagnosis do, from a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from bot.certainty import seen
from bot.cli.common import actor, local_time, say
from bot.cli.observed import not_configured, observed
from bot.diagnosis.recheck import MARK, WORD, rank, verdict
from bot.text import terminal
from core.clock import SystemClock
from core.config import Config
from core.db import Database, Tx
from core.diagnosis import looks, recheck, store
from core.diagnosis.evidence import gather
from core.diagnosis.made import Made
from core.diagnosis.model import Reason, Snapshot
from core.diagnosis.recheck import Line
from core.errors import NotFound, Refused
from core.lock import is_held
from core.tickets import store as tickets
from core.tickets.model import Ticket

NOBODY = (
    "No process holds this database, so nobody would look into it: start `tocsin serve` first, or "
    "leave --again out to have it looked at here. Nothing was asked for."
)
Act = Callable[[Database, Config, int], Awaitable[None]]


def _current(tx: Tx, ticket: int) -> Made:
    made = store.current(tx, ticket)
    if made is None:
        raise NotFound(
            f"Ticket {ticket} has no diagnosis yet. `tocsin diagnose {ticket} --again` asks for one."
        )
    return made


async def again(db: Database, _config: Config, number: int) -> None:
    """Ask the running bot for another look. Refused where none runs."""
    root = await db.read(store.episode, number)
    if not await is_held(db):
        raise Refused(NOBODY)
    await db.write(store.ask, root.id, actor())
    say(
        f"Ticket {root.id} is looked into again: the answer comes in its thread, and "
        f"`tocsin diagnose {root.id}` prints it."
    )


def voted(*, useful: bool) -> Act:
    """Say what one thinks of the newest diagnosis."""

    def vote(tx: Tx, ticket: int) -> int:
        made = _current(tx, ticket)
        store.feedback(tx, made.id, actor(), useful)
        return made.id

    async def act(db: Database, _config: Config, number: int) -> None:
        made = await db.write(vote, number)
        say(f"Noted: diagnosis {made} was {'useful' if useful else 'not useful'} to you.")

    return act


async def stop(db: Database, _config: Config, number: int) -> None:
    """Stop what looks into the ticket, at its next step."""

    def end(tx: Tx) -> tuple[int, bool]:
        root = store.episode(tx, number)
        look = looks.standing(tx, root.id)
        return root.id, look is not None and store.stop(tx, look.investigation_id, actor())

    root, stopped = await db.write(end)
    what = "What looks into ticket {} stops at its next step."
    say((what if stopped else "Nothing looks into ticket {} now.").format(root))


async def check_again(db: Database, config: Config, number: int) -> None:
    """Run the checks of the newest diagnosis again, here and now, and show then and now."""

    def read(tx: Tx) -> tuple[Made, Snapshot, Ticket]:
        made = _current(tx, number)
        return made, store.snapshot(tx, made.snapshot_id), tickets.get(tx, made.ticket_id)

    made, then, ticket = await db.read(read)
    subject = await observed(config, ticket.subject)
    if subject is None:
        raise not_configured(ticket.subject, ticket.id)
    try:
        now = await gather(db, SystemClock(), subject, ticket, Reason.ASKED)
    finally:
        await subject.close()
    found = await asyncio.to_thread(recheck.again, made.id, made.diagnosis, then, now)
    own = [one for one in found.lines if not one.rival]
    say(f"Diagnosis {made.id} of ticket {ticket.id} checked again: {verdict(own)}")
    for one in sorted(found.lines, key=lambda line: (line.rival, rank(line))):
        say(_line(one))
    say(f"Then is {local_time(found.then_at)}, now is {local_time(found.now_at)}.")


def _line(one: Line) -> str:
    asked = one.claim.check.predicate
    then, now = seen(one.then, asked) or "not known", seen(one.now, asked) or "not seen"
    words = f"{one.claim.words} [{one.claim.check.evidence}]"
    altered = " (its evidence was altered since)" if one.then.altered else ""
    rival = "of an alternative: " if one.rival else ""
    said = f"{MARK[rank(one)]} {rival}{words}: then {then}{altered}, now {now}, {WORD[rank(one)]}"
    return "  " + terminal(said, 500)


ACTS: Mapping[str, Act] = MappingProxyType(
    {
        "--again": again,
        "--recheck": check_again,
        "--useful": voted(useful=True),
        "--useless": voted(useful=False),
        "--stop": stop,
    }
)
