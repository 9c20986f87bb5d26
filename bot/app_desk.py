"""The desk at which every request is dealt with: role, one transaction, one answer.

The request's row, the change and its event are committed together before anything is acknowledged;
after the commit nothing may fail. A second delivery of the same request gets the stored answer. A
question is looked up on a snapshot, so that it keeps no writer waiting, and leaves its row, too.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import structlog

from bot.app_request import Answer, Handler, Later, Request, recalled, stored, words
from bot.roles import Roles, Standing, guard
from core import people, requests
from core.clock import Clock, within
from core.db import Database, Tx
from core.errors import Conflict, Invalid, NotFound, Refused, TocsinError, Unavailable
from core.metrics import Metrics

BUDGET_S = 2.4
"""Slack waits 3 s for an acknowledgement; the rest is for the way there and back."""

LATER_S = 15.0
"""What is read from living systems for one answer may take so long at most."""
NAMED_EVERY_S = 86_400.0
"""How often the name of somebody who changes things is written down again, unless it is another."""
NAMED_MAX = 2000
"""People of whom it is remembered that their name is written down."""

_log = structlog.get_logger()

SLOW = (
    "That could not be found out in time: something does not answer. Nothing was changed; try "
    "again in a moment."
)
LATE = (
    "That took too long to confirm. It may still have gone through: look again in a moment, and "
    "repeat it if it has not (repeating is safe)."
)
BROKEN = (
    "Something went wrong in Tocsin itself ({reference}). Nothing was changed. Its log says more."
)

_OUTCOMES = (
    (Invalid, "invalid"),
    (NotFound, "not_found"),
    (Conflict, "conflict"),
    (Refused, "refused"),
    (Unavailable, "unavailable"),
)


def told(error: TocsinError) -> Answer:
    """What a person reads of an expected error."""
    outcome = next((word for kind, word in _OUTCOMES if isinstance(error, kind)), "refused")
    return words(error.text, outcome)


class Desk:
    """Answers requests. Never raises: whatever goes wrong becomes words for the person."""

    def __init__(self, db: Database, clock: Clock, roles: Roles, metrics: Metrics) -> None:
        self._db = db
        self._clock = clock
        self._roles = roles
        self._metrics = metrics
        self._named: dict[str, tuple[str, float]] = {}

    def serving(self) -> AbstractContextManager[None]:
        """Somebody waits for an answer inside the block: the program's own work makes room."""
        return self._db.courtesy.serving()

    async def answer(self, request: Request, handler: Handler) -> Answer:
        """Deal with the request within BUDGET_S."""
        began = self._clock.monotonic()
        try:
            answer = await within(self._clock, BUDGET_S, self._deal(request, handler))
        except TimeoutError:
            answer = words(LATE, "late")
        except TocsinError as error:
            answer = told(error)
        except Exception:  # noqa: BLE001 - a bug of ours must still be answered in words
            reference = request.id[-12:]
            _log.exception("a request failed", action="request.failed", reference=reference)
            answer = words(BROKEN.format(reference=reference), "failed")
        took_s = self._clock.monotonic() - began
        self._metrics.requests.labels(handler.verb, answer.outcome).inc()
        self._metrics.ack_seconds.observe(took_s)
        _log.info(
            "request",
            action="request",
            verb=handler.verb,
            actor=request.actor,
            outcome=answer.outcome,
            ms=round(took_s * 1000, 2),
        )
        return answer

    async def later(self, request: Request, verb: str, work: Later) -> Answer:
        """What follows an acknowledgement, within LATER_S; like `answer`, it never raises."""
        try:
            return await within(self._clock, LATER_S, _awaited(work, request))
        except TimeoutError:
            return words(SLOW, "late")
        except TocsinError as error:
            return told(error)
        except Exception:  # noqa: BLE001 - a bug of ours must still be answered in words
            reference = request.id[-12:]
            _log.exception("a request failed", action="later", verb=verb, reference=reference)
            return words(BROKEN.format(reference=reference), "failed")

    async def _deal(self, request: Request, handler: Handler) -> Answer:
        standing = await self._roles.standing(request.user, request.team)
        try:
            if not handler.keep:
                return await self._told(request, handler, standing)
            return await self._changed(request, handler, standing)
        except _Seen:
            return await self._db.write(_again, request, handler)
        except Unavailable:
            raise
        except TocsinError as error:
            # The change was rolled back, its row with it; what the person was told is kept too.
            return await self._db.write(_refused, request, handler, told(error))

    async def _changed(self, request: Request, handler: Handler, standing: Standing) -> Answer:
        name = self._roles.name(request.user) or ""
        known = self._named.get(request.actor)
        now = self._clock.monotonic()
        if known is not None and known[0] == name and now - known[1] < NAMED_EVERY_S:
            name = ""
        answer = await self._db.write(_deal, request, handler, standing, name)
        if name:
            if len(self._named) >= NAMED_MAX:
                self._named.clear()
            self._named[request.actor] = (name, now)
        return answer

    async def _told(self, request: Request, handler: Handler, standing: Standing) -> Answer:
        """A question: looked up where nobody's change waits for it, then its row."""
        answer = await self._db.ask(_looked, request, handler, standing)
        return await self._db.write(_noted, request, handler, answer)


async def _awaited(work: Later, request: Request) -> Answer:
    return await work(request)


class _Seen(TocsinError):
    """The request has its row already: what was done just now is rolled back."""


def _deal(tx: Tx, request: Request, handler: Handler, standing: Standing, name: str) -> Answer:
    guard(standing, handler.needs)
    answer = handler.run(tx, request)
    if name:
        people.remember(tx, request.actor, name)
    # The row comes last, so that looking for it first costs no statement of its own.
    if not _remember(tx, request, handler, answer, stored(answer)):
        raise _Seen
    return answer


def _again(tx: Tx, request: Request, handler: Handler) -> Answer:
    """A second delivery of a change: the stored answer."""
    before = requests.recall(tx, request.id)
    if before is not None and before.answer:
        return recalled(before.answer)
    return handler.run(tx, request)


def _looked(tx: Tx, request: Request, handler: Handler, standing: Standing) -> Answer:
    guard(standing, handler.needs)
    return handler.run(tx, request)


def _noted(tx: Tx, request: Request, handler: Handler, answer: Answer) -> Answer:
    """The row of a question. To a second delivery of it the answer is the one of now."""
    if _remember(tx, request, handler, answer, ""):
        return answer
    before = requests.recall(tx, request.id)
    if before is not None and before.answer:
        return recalled(before.answer)
    # What comes later is on its way already, and its modal can be opened once only.
    return answer if handler.later is None else Answer(outcome="repeated")


def _refused(tx: Tx, request: Request, handler: Handler, answer: Answer) -> Answer:
    if _remember(tx, request, handler, answer, stored(answer)):
        return answer
    before = requests.recall(tx, request.id)
    return recalled(before.answer) if before is not None and before.answer else answer


def _remember(tx: Tx, request: Request, handler: Handler, answer: Answer, kept: str) -> bool:
    return requests.remember(
        tx,
        request.id,
        actor=request.actor,
        verb=handler.verb,
        target=request.text,
        outcome=answer.outcome,
        answer=kept,
    )
