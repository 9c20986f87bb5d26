"""The buttons of messages that gather many tickets: a storm's pages, an adoption's choices."""

from __future__ import annotations

from bot import ids
from bot.app_request import Answer, Book, Choose, Handler, Request, answer_of, words
from bot.roles import Role
from bot.text import clean, plural
from bot.tickets.actions import NOT_OURS
from bot.tickets.views.facts import StormFacts
from bot.tickets.views.listing import PER_PAGE
from bot.tickets.views.storm import storm_page
from core import gatherings
from core.db import Tx
from core.errors import NotFound
from core.gatherings import Gathering, Tally


def book() -> Book:
    """What the buttons of storms and adoptions do."""
    page = Handler("storm_page", Role.VIEWER, _page, keep=False)
    accept = Handler("adoption_accept", Role.RESPONDER, _accept)
    show = Handler("adoption_show", Role.RESPONDER, _show)
    return Book(
        actions={
            ids.STORM_SHOW: _always(page),
            ids.STORM_PREVIOUS: _always(page),
            ids.STORM_NEXT: _always(page),
            ids.ADOPTION_ACCEPT: _always(accept),
            ids.ADOPTION_SHOW: _always(show),
        }
    )


def _always(handler: Handler) -> Choose:
    return lambda _request: handler


def _gathering(tx: Tx, request: Request) -> tuple[Gathering, int]:
    found = ids.parse_gathering(request.text)
    if found is None:
        raise NotFound(NOT_OURS)
    gathering = gatherings.get(tx, found[0])
    if gathering is None:
        raise NotFound("That list is no longer kept. `/tickets list` shows what is open now.")
    return gathering, found[1]


def _page(tx: Tx, request: Request) -> Answer:
    gathering, number = _gathering(tx, request)
    tally = gatherings.tally(tx, gathering.ref)
    number = min(number, max((tally.total - 1) // PER_PAGE, 0))
    found = gatherings.members(tx, gathering.ref, PER_PAGE, number * PER_PAGE)
    message = storm_page(_facts(gathering, tally), found, number)
    return answer_of(message, "shown", in_place=True)


def _facts(gathering: Gathering, tally: Tally) -> StormFacts:
    return StormFacts(
        ref=gathering.ref,
        opened_at=gathering.opened_at,
        last_at=gathering.last_at,
        total=tally.total,
        open=tally.still_open,
        owned=tally.acknowledged,
        held=tally.held,
        by_severity=tally.by_severity,
        by_invariant=tally.kinds,
        subjects=tally.subjects,
        closed_at=gathering.closed_at,
    )


def _accept(tx: Tx, request: Request) -> Answer:
    gathering, _ = _gathering(tx, request)
    held = gatherings.accept(tx, gathering.ref, request.actor)
    if held:
        return Answer()
    return words("Nothing of it is left to accept: all are resolved or held already.", "unchanged")


def accept(tx: Tx, subject: str | None, actor: str) -> Answer:
    """By command what *Accept as known* does, for what was broken before watching began."""
    chosen = gatherings.adopted(tx, subject)
    held = sum(gatherings.accept(tx, one.ref, actor) for one in chosen)
    if not held:
        return words("Nothing of before watching began is left to accept.", "unchanged")
    of = clean(chosen[0].subject or "", 60)
    return words(f"Accepted as known: {plural(held, 'ticket')} of {of}, held until healthy.")


def cards(tx: Tx, subject: str | None, actor: str) -> Answer:
    """By command what *Show cards* does: of the worst ten; typed again, of the next."""
    chosen = gatherings.adopted(tx, subject)
    if not chosen:
        return words("Nothing of before watching began is left without a card.", "unchanged")
    shown = sum(gatherings.show(tx, one.ref, actor) for one in chosen)
    of = clean(chosen[0].subject or "", 60)
    return words(f"{plural(shown, 'card')} of {of} {'comes' if shown == 1 else 'come'} now.")


def _show(tx: Tx, request: Request) -> Answer:
    gathering, _ = _gathering(tx, request)
    if gatherings.show(tx, gathering.ref, request.actor):
        return Answer()
    return words("Nothing of it is open any more.", "unchanged")
