"""What a person can do with a ticket, by whatever way: one function of the transaction a verb.

Commands and buttons both end here, so that whatever one does the other does too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.app_request import Answer, answer_of, words
from bot.tickets import parse
from bot.tickets.look import Surroundings, brief, look
from bot.tickets.views import answers, details, listing
from core import events, maintenance, outbox, placements
from core.db import Tx
from core.diagnosis import store as diagnoses
from core.errors import NotFound
from core.tickets import store
from core.tickets.model import AlreadyResolved, Outcome, StillBroken, Ticket

HISTORY = 50
"""Events shown of a ticket."""
NEAREST = 3
ROOTS = ("card", "storm", "adoption")
"""Kinds of messages that tickets have threads under."""


Change = Callable[[Tx], Outcome]


def change(
    tx: Tx, ticket_id: int, around: Surroundings, verb: Change
) -> tuple[Outcome | None, Answer]:
    """Do a verb; what came of it, and the words for it. None when it could not be done."""
    try:
        done = verb(tx)
    except AlreadyResolved as late:
        return None, answer_of(answers.late(late.ticket, brief(tx, late.ticket, around)), "late")
    except StillBroken:
        ticket = store.get(tx, ticket_id)
        ask = answers.resolve_confirm(ticket, brief(tx, ticket, around))
        return None, answer_of(ask, "still_broken")
    outcome = "done" if done.changed else "unchanged"
    return done, answer_of(answers.outcome(done, brief(tx, done.ticket, around)), outcome)


def show(tx: Tx, ticket_id: int, around: Surroundings) -> Answer:
    """Everything about one ticket."""
    ticket = store.get(tx, ticket_id)
    history = events.of_ticket(tx, ticket_id, HISTORY)
    seen = look(tx, ticket, around)
    if seen.diagnosis is not None:
        seen = replace(seen, diagnoses=tuple(diagnoses.of_ticket(tx, ticket_id)))
    return answer_of(details.details(ticket, history, seen), "shown")


def diagnose(tx: Tx, ticket_id: int, by: str) -> tuple[Answer, bool]:
    """Ask for another diagnosis: where it will be told, and whether that is the ticket's thread."""
    root = diagnoses.episode(tx, ticket_id)
    diagnoses.ask(tx, ticket_id, by)
    threaded = has_thread(tx, root.id)
    first = f"Looking into ticket {ticket_id}."
    if root.id != ticket_id:
        first = f"Ticket {ticket_id} is explained by ticket {root.id}: looking into that one."
    where = f"The answer comes in the thread of ticket {root.id}, in a moment."
    if not threaded:
        where = (
            f"It has no message now; `/tickets show {root.id}` will have the answer in a moment."
        )
    return words(f"{first} {where}"), threaded and root.id == ticket_id


def has_thread(tx: Tx, ticket_id: int) -> bool:
    """Whether the ticket is told in a message that can be answered to."""
    place = placements.of(tx, [ticket_id]).get(ticket_id)
    return place is not None and place.ref in outbox.anchors(tx, [place.ref], ROOTS)


def page(tx: Tx, filter_text: str, number: int, *, in_place: bool = False) -> Answer:
    """One page (from 0) of a listing; the last one where there are fewer."""
    names = [one.name for one in maintenance.watched(tx)]
    wanted = parse.filter_of(filter_text.split(), names)
    total = store.count(tx, wanted)
    last = max((total - 1) // listing.PER_PAGE, 0)
    number = min(number, last)
    found = store.listing(tx, wanted, listing.PER_PAGE, number * listing.PER_PAGE)
    message = listing.listing(found, total, number, filter_text)
    return answer_of(message, "shown", in_place=in_place)


def nearest(tx: Tx, typed: tuple[str, ...]) -> NotFound:
    """For something that is no number: the tickets in which its words occur."""
    said = " ".join(typed)[:60]
    wanted = store.Filter("all", words=tuple(w.lower()[:60] for w in typed[:5]))
    found = store.listing(tx, wanted, NEAREST)
    if not found:
        return NotFound(
            f'"{said}" is not a ticket number, and no ticket mentions it. /tickets list shows what '
            "is open."
        )
    return NotFound(f'"{said}" is not a ticket number. Did you mean {_names(found)}?')


def _names(found: list[Ticket]) -> str:
    return " or ".join(f"{one.id} ({one.title[:80]})" for one in found)
