"""What `/tickets` understands of diagnoses: everything that their buttons do, by a ticket's number."""

from __future__ import annotations

from collections.abc import Mapping

from bot.app_request import ASKED, Answer, Request, answer_of, words
from bot.command_line import Line
from bot.diagnosis import reasoning, recheck
from bot.diagnosis.actions import Means
from bot.diagnosis.look import shown
from bot.roles import Role
from bot.tickets import parse
from bot.tickets.commands import Make, Run, Verb
from bot.tickets.look import Surroundings
from core.db import Tx
from core.diagnosis import looks, store
from core.diagnosis.made import Made
from core.errors import NotFound


def verbs(means: Means) -> Mapping[str, Make]:
    """By the word that is typed."""
    return {
        "why": lambda: Verb(Role.VIEWER, False, _why(means)),
        "recheck": lambda: _recheck(means),
        "useful": lambda: Verb(Role.VIEWER, True, _vote),
        "useless": lambda: Verb(Role.VIEWER, True, _vote),
        "stop": lambda: Verb(Role.RESPONDER, True, _stop),
    }


def _current(tx: Tx, line: Line) -> Made:
    number = parse.only(line.words, line.verb)
    made = store.current(tx, number)
    if made is None:
        raise NotFound(
            f"Ticket {number} has no diagnosis yet. `/tickets diagnose {number}` asks for one."
        )
    return made


def _why(means: Means) -> Run:
    def run(tx: Tx, _request: Request, line: Line, _around: Surroundings) -> Answer:
        one = shown(tx, _current(tx, line), means.around, means.values)
        return Answer(view=reasoning.modal(one), outcome="shown")

    return run


def _recheck(means: Means) -> Verb:
    found: list[int] = []

    def run(tx: Tx, _request: Request, line: Line, _around: Surroundings) -> Answer:
        found.append(_current(tx, line).id)
        return Answer(outcome=ASKED)

    async def later(_request: Request) -> Answer:
        return answer_of(recheck.rechecked(await means.recheck(found[-1])), "shown")

    return Verb(Role.VIEWER, False, run, later)


def _vote(tx: Tx, request: Request, line: Line, _around: Surroundings) -> Answer:
    made, useful = _current(tx, line), line.verb == "useful"
    store.feedback(tx, made.id, request.actor, useful)
    return words(f"Noted: diagnosis {made.id} was {'useful' if useful else 'not useful'} to you.")


def _stop(tx: Tx, request: Request, line: Line, _around: Surroundings) -> Answer:
    root = store.episode(tx, parse.only(line.words, line.verb))
    look = looks.standing(tx, root.id)
    if look is None or not store.stop(tx, look.investigation_id, request.actor):
        return words(f"Nothing looks into ticket {root.id} now.", "unchanged")
    return words(f"What looks into ticket {root.id} stops at its next step.")
