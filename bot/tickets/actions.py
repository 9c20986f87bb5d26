"""The buttons of tickets, storms and adoptions, and the form that asks how long to hold.

A click whose result everybody sees on the card needs no words; one that changed nothing, or that
sat in a private message, is answered in private.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bot import ids
from bot.app_request import Answer, Book, Choose, Handler, Request, answer_of
from bot.roles import Role
from bot.tickets import verbs
from bot.tickets.look import Surroundings, brief
from bot.tickets.views import answers, modal
from core.db import Tx
from core.errors import Invalid, NotFound
from core.tickets import store
from core.tickets.model import Outcome

Verb = Callable[[Tx, int, str], Outcome]
Run = Callable[[Tx, Request], Answer]
NOT_OURS = "That button cannot be read any more. `/tickets list` shows what is open now."


def book(around: Surroundings) -> Book:
    """What the buttons and the form about single tickets do."""
    resolve_anyway = partial(store.resolve, anyway=True)
    return Book(
        actions={
            ids.TICKET_ACKNOWLEDGE: _always("acknowledge", _verb(around, store.acknowledge)),
            ids.TICKET_RESOLVE: _always("resolve", _verb(around, store.resolve)),
            ids.TICKET_RESOLVE_ANYWAY: _always("resolve_anyway", _verb(around, resolve_anyway)),
            ids.TICKET_UNHOLD: _always("unhold", _verb(around, store.unhold)),
            ids.TICKET_HOLD: _always("hold_form", _hold_form(around), keep=False),
            ids.TICKET_DETAILS: _looking("details", _details(around)),
            ids.LISTING_PREVIOUS: _looking("page", _listing),
            ids.LISTING_NEXT: _looking("page", _listing),
        },
        forms={ids.HOLD_VIEW: _always("hold", _hold(around))},
    )


def _always(verb: str, run: Run, *, keep: bool = True) -> Choose:
    handler = Handler(verb, Role.RESPONDER, run, keep)
    return lambda _request: handler


def _looking(verb: str, run: Run) -> Choose:
    handler = Handler(verb, Role.VIEWER, run, keep=False)
    return lambda _request: handler


def ticket_of(request: Request) -> int:
    """The ticket that a button is about. NotFound for a value that is not ours."""
    found = ids.parse_ticket(request.text)
    if found is None:
        raise NotFound(NOT_OURS)
    return found.ticket_id


def _verb(around: Surroundings, verb: Verb) -> Run:
    def run(tx: Tx, request: Request) -> Answer:
        ticket_id = ticket_of(request)
        done, answer = verbs.change(
            tx, ticket_id, around, lambda tx: verb(tx, ticket_id, request.actor)
        )
        if request.private:
            return replace(answer, in_place=True)
        if done is not None and done.changed:
            return Answer()
        return answer

    return run


def _details(around: Surroundings) -> Run:
    def run(tx: Tx, request: Request) -> Answer:
        return verbs.show(tx, ticket_of(request), around)

    return run


def _listing(tx: Tx, request: Request) -> Answer:
    found = ids.parse_listing(request.text)
    if found is None:
        raise NotFound(NOT_OURS)
    return verbs.page(tx, found[1], found[0], in_place=True)


def _hold_form(around: Surroundings) -> Run:
    def run(tx: Tx, request: Request) -> Answer:
        ticket = store.get(tx, ticket_of(request))
        look = brief(tx, ticket, around)
        if not ticket.open:
            return answer_of(answers.late(ticket, look), "late")
        if ticket.held:
            return answer_of(answers.outcome(Outcome("hold", False, ticket), look), "unchanged")
        return Answer(view=modal.hold_modal(ticket), outcome="asked")

    return run


def _hold(around: Surroundings) -> Run:
    def run(tx: Tx, request: Request) -> Answer:
        ticket_id = ticket_of(request)
        wish = modal.read_hold(request.values)
        until = None if wish.seconds is None else tx.now + wish.seconds

        def verb(tx: Tx) -> Outcome:
            return store.hold(
                tx,
                ticket_id,
                request.actor,
                until=until,
                until_healthy=wish.until_healthy,
                reason=wish.reason,
            )

        try:
            done, answer = verbs.change(tx, ticket_id, around, verb)
        except Invalid as error:
            return Answer(errors={ids.HOLD_FOR_BLOCK: error.text}, outcome="invalid")
        return Answer() if done is not None and done.changed else answer

    return run
