"""The buttons of diagnoses: reasoning, re-check, again, useful or not, stop; and Diagnose on a card."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot import ids
from bot.app_request import ASKED, Answer, Book, Choose, Handler, Later, Request, answer_of, words
from bot.diagnosis import reasoning, recheck
from bot.diagnosis.look import Values, shown
from bot.roles import Role
from bot.tickets import verbs
from bot.tickets.actions import NOT_OURS, ticket_of
from bot.tickets.look import Surroundings
from core.db import Tx
from core.diagnosis import store
from core.diagnosis.recheck import Rechecked
from core.errors import NotFound, Unavailable

Recheck = Callable[[int], Awaitable[Rechecked]]
"""Runs the checks of a diagnosis (by number) again on the living cluster."""


async def nobody(_diagnosis_id: int) -> Rechecked:
    """For a process that stands by."""
    raise Unavailable("This process stands by and does not watch: try again in a moment.")


@dataclass(frozen=True, slots=True)
class Means:
    """What the buttons need beside the database."""

    around: Surroundings
    values: Values = field(default_factory=Values)
    recheck: Recheck = nobody


def book(means: Means) -> Book:
    """What the buttons of diagnoses do."""
    turn = _looking("diagnosis_page", _page(means))
    return Book(
        actions={
            ids.TICKET_DIAGNOSE: _looking("diagnose", _diagnose, keep=True),
            ids.DIAGNOSIS_AGAIN: _looking("diagnose", _again, keep=True),
            ids.DIAGNOSIS_REASONING: _looking("reasoning", _reasoning(means)),
            **{ids.tab_id(tab): turn for tab in ids.DIAGNOSIS_TABS},
            ids.DIAGNOSIS_PREVIOUS: turn,
            ids.DIAGNOSIS_NEXT: turn,
            ids.DIAGNOSIS_USEFUL: _looking("useful", _voted(useful=True), keep=True),
            ids.DIAGNOSIS_USELESS: _looking("not_useful", _voted(useful=False), keep=True),
            ids.DIAGNOSIS_RECHECK: _looking("recheck", _asked, later=_rechecked(means)),
            ids.INVESTIGATION_STOP: _always(Handler("stop", Role.RESPONDER, _stop)),
        }
    )


Run = Callable[[Tx, Request], Answer]


def _looking(verb: str, run: Run, *, keep: bool = False, later: Later | None = None) -> Choose:
    # A diagnosis only reads, within a budget of its own: whoever may look may ask for one.
    return _always(Handler(verb, Role.VIEWER, run, keep, later))


def _always(handler: Handler) -> Choose:
    return lambda _request: handler


def number_of(request: Request) -> ids.DiagnosisValue:
    """The diagnosis that a button is about. NotFound for a value that is not ours."""
    found = ids.parse_diagnosis(request.text)
    if found is None:
        raise NotFound(NOT_OURS)
    return found


# Asking for another one.


def _diagnose(tx: Tx, request: Request) -> Answer:
    return _asked_for(tx, ticket_of(request), request)


def _again(tx: Tx, request: Request) -> Answer:
    made = store.get(tx, number_of(request).diagnosis_id)
    return _asked_for(tx, made.ticket_id, request)


def _asked_for(tx: Tx, ticket_id: int, request: Request) -> Answer:
    told, beside = verbs.diagnose(tx, ticket_id, request.actor)
    # Where the thread below the button will say it, no words are needed.
    return Answer() if beside and not request.private else told


# Reasoning.


def _reasoning(means: Means) -> Run:
    def run(tx: Tx, request: Request) -> Answer:
        wish = number_of(request)
        made = store.get(tx, wish.diagnosis_id)
        view = reasoning.modal(shown(tx, made, means.around, means.values), wish.tab, wish.page)
        return Answer(view=view, outcome="shown")

    return run


def _page(means: Means) -> Run:
    show = _reasoning(means)

    def run(tx: Tx, request: Request) -> Answer:
        view = show(tx, request).view
        return Answer(view=view, in_place=True, outcome="shown")

    return run


# What people think of it.


def _voted(*, useful: bool) -> Run:
    def run(tx: Tx, request: Request) -> Answer:
        store.feedback(tx, number_of(request).diagnosis_id, request.actor, useful)
        return Answer()

    return run


# Re-check, stop.


def _asked(tx: Tx, request: Request) -> Answer:
    store.get(tx, number_of(request).diagnosis_id)
    return Answer(outcome=ASKED)


def _rechecked(means: Means) -> Later:
    async def later(request: Request) -> Answer:
        found = await means.recheck(number_of(request).diagnosis_id)
        return answer_of(recheck.rechecked(found), "shown")

    return later


def _stop(tx: Tx, request: Request) -> Answer:
    number = ids.parse_investigation(request.text)
    if number is None:
        raise NotFound(NOT_OURS)
    if store.stop(tx, number, request.actor):
        return Answer()
    return words("It had ended already.", "unchanged")
