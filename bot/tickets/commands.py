"""`/tickets`: list, show, ack, hold, unhold, resolve, diagnose, accept, cards, help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from bot import ids
from bot.app_request import Answer, Book, Choose, Handler, Later, Request, answer_of
from bot.command_line import Line, unknown
from bot.roles import Role
from bot.tickets import gathered, parse, verbs
from bot.tickets.look import Surroundings
from bot.tickets.views import answers
from core.db import Tx
from core.tickets import store
from core.tickets.model import Outcome

Run = Callable[[Tx, Request, Line, Surroundings], Answer]


# Always the same words: made once, since whoever asks waits for it.
_help_text = cache(answers.help_text)


@dataclass(frozen=True, slots=True)
class Verb:
    """What a verb needs and does; `keep` and `later` as in Handler."""

    needs: Role
    keep: bool
    run: Run
    later: Later | None = None


Make = Callable[[], Verb]
NO_MORE: Mapping[str, Make] = {}


def book(around: Surroundings, more: Mapping[str, Make] = NO_MORE) -> Book:
    """What `/tickets` answers to; `more` are verbs of other features."""
    return Book(commands={ids.TICKETS: _chooser(around, more)})


def _chooser(around: Surroundings, more: Mapping[str, Make]) -> Choose:
    def choose(request: Request) -> Handler:
        line = parse.line(request.text)
        make = more.get(line.verb)
        verb = make() if make is not None else _VERBS.get(line.verb, _UNKNOWN)

        def answer(tx: Tx, request: Request) -> Answer:
            try:
                return verb.run(tx, request, line, around)
            except parse.NoNumber as error:
                raise verbs.nearest(tx, error.words) from None

        name = f"{ids.TICKETS} {line.verb or '?'}"
        return Handler(name, verb.needs, answer, verb.keep, verb.later)

    return choose


def _list(tx: Tx, _request: Request, line: Line, _around: Surroundings) -> Answer:
    return verbs.page(tx, " ".join(line.words), 0)


def _show(tx: Tx, _request: Request, line: Line, around: Surroundings) -> Answer:
    return verbs.show(tx, parse.only(line.words, "show"), around)


def _ack(tx: Tx, request: Request, line: Line, around: Surroundings) -> Answer:
    ticket_id = parse.only(line.words, "ack")

    def verb(tx: Tx) -> Outcome:
        return store.acknowledge(tx, ticket_id, request.actor)

    return verbs.change(tx, ticket_id, around, verb)[1]


def _hold(tx: Tx, request: Request, line: Line, around: Surroundings) -> Answer:
    ticket_id, rest = parse.number(line.words, "hold")
    wish = parse.hold(rest)
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

    return verbs.change(tx, ticket_id, around, verb)[1]


def _unhold(tx: Tx, request: Request, line: Line, around: Surroundings) -> Answer:
    ticket_id = parse.only(line.words, "unhold")

    def verb(tx: Tx) -> Outcome:
        return store.unhold(tx, ticket_id, request.actor)

    return verbs.change(tx, ticket_id, around, verb)[1]


def _resolve(tx: Tx, request: Request, line: Line, around: Surroundings) -> Answer:
    ticket_id, rest = parse.number(line.words, "resolve")
    anyway, reason = parse.resolve(rest)

    def verb(tx: Tx) -> Outcome:
        return store.resolve(tx, ticket_id, request.actor, reason=reason, anyway=anyway)

    return verbs.change(tx, ticket_id, around, verb)[1]


def _diagnose(tx: Tx, request: Request, line: Line, _around: Surroundings) -> Answer:
    return verbs.diagnose(tx, parse.only(line.words, "diagnose"), request.actor)[0]


def _accept(tx: Tx, request: Request, line: Line, _around: Surroundings) -> Answer:
    return gathered.accept(tx, parse.one_subject(line.words, "accept"), request.actor)


def _cards(tx: Tx, request: Request, line: Line, _around: Surroundings) -> Answer:
    return gathered.cards(tx, parse.one_subject(line.words, "cards"), request.actor)


def _help(_tx: Tx, _request: Request, _line: Line, _around: Surroundings) -> Answer:
    return answer_of(_help_text(), "shown")


def _unknown(_tx: Tx, _request: Request, line: Line, _around: Surroundings) -> Answer:
    said = _help_text()
    note = answers.note(unknown("/tickets", line))
    return Answer(f"{note.text}\n{said.text}", (*note.blocks, *said.blocks), outcome="invalid")


_VERBS: Mapping[str, Verb] = {
    "list": Verb(Role.VIEWER, False, _list),
    "show": Verb(Role.VIEWER, False, _show),
    "ack": Verb(Role.RESPONDER, True, _ack),
    "hold": Verb(Role.RESPONDER, True, _hold),
    "unhold": Verb(Role.RESPONDER, True, _unhold),
    "resolve": Verb(Role.RESPONDER, True, _resolve),
    # A diagnosis only reads, within a budget of its own.
    "diagnose": Verb(Role.VIEWER, True, _diagnose),
    "accept": Verb(Role.RESPONDER, True, _accept),
    "cards": Verb(Role.RESPONDER, True, _cards),
    "help": Verb(Role.VIEWER, False, _help),
}
_UNKNOWN = Verb(Role.VIEWER, False, _unknown)
