"""Asking Claude after the rules have answered: within budget, visibly, and never at their cost.

The library is loaded only here, and only when there is something to ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog

from core import events
from core.clock import Clock
from core.db import Database, Fenced, Tx
from core.diagnosis import evidence, investigate, looks, store
from core.diagnosis.budget import Ledger
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.claude.task import Ending, Live, Progress, Result, Task
from core.diagnosis.claude.task import Means as ClaudeMeans
from core.diagnosis.encode import Answer
from core.diagnosis.evidence import Explains
from core.diagnosis.investigate import Ground, Means
from core.diagnosis.looks import Look
from core.diagnosis.made import New
from core.diagnosis.model import Diagnosis, Piece, Query
from core.errors import TocsinError, Unavailable
from core.subject import Subject

log = structlog.get_logger()

TELL_EVERY_S = 1.0
"""Progress is told no more often than this: each telling edits a message."""

KEEP_AGAIN_S = (0.5, 1.0, 2.0, 4.0)
"""Pauses between attempts to keep what came of asking: it is paid for."""

Diagnose = Callable[[Task, ClaudeMeans], Awaitable[Result]]


def by_claude() -> Diagnose:
    """The real one; loading it takes a second (it loads anthropic)."""
    from core.diagnosis.claude.loop import diagnose

    return diagnose


async def ask(
    means: Means, look: Look, ground: Ground, settings: ClaudeSettings, stopped: Callable[[], bool]
) -> Result | None:
    """Ask, keep what came of it, and finish the look; None where asking itself went wrong.

    Emits `diagnosis.progress` while it works and `diagnosis.ended` at the end. Whatever happens the
    rules' answer stands, and the look is not tried again: a call that failed may have cost money.
    Only if the database stays out of reach does it fail, with Unavailable.
    """
    teller = Teller(means, look, settings)
    await teller.tell(Progress("reading the evidence", 0, 0))
    result, why = None, ""
    try:
        # In a thread: the loop must answer clicks meanwhile.
        diagnose = await asyncio.to_thread(by_claude)
        result = await diagnose(
            Task(ground.snapshot, ground.rules, look.asked),
            ClaudeMeans(
                settings=settings,
                ledger=_ledger(means, look),
                clock=means.clock,
                live=live(means, look),
                progress=teller.tell,
                stopped=stopped,
            ),
        )
    except Fenced:
        raise
    except Exception as error:
        why = _told(error)
        log.exception("asking Claude failed", action="diagnose", look=look.id)
    await _keep_end(means, look, ground, result, why)
    return result


async def _keep_end(
    means: Means, look: Look, ground: Ground, result: Result | None, why: str
) -> None:
    """One commit. While the database is out of reach this alone is tried again: a look that fails
    is made anew, and would be paid for twice."""
    for pause in KEEP_AGAIN_S:
        try:
            await means.db.write_as(means.epoch, _ended, means, look, ground, result, why)
        except Unavailable as error:
            told = {"look": look.id, "why": error.text}
            log.warning("an answer could not be kept yet", action="diagnose", **told)
            await means.clock.sleep(pause)
        else:
            return
    await means.db.write_as(means.epoch, _ended, means, look, ground, result, why)


def _told(error: Exception) -> str:
    said = error.text if isinstance(error, TocsinError) else type(error).__name__
    return f"Claude could not be asked: {said}. The rules' answer stands."


def _ledger(means: Means, look: Look) -> Ledger:
    caps = means.allowed.caps
    return Ledger(means.db, means.epoch, look.ticket.subject, look.id, caps)


def live(means: Means, look: Look) -> Live | None:
    """What may be asked of the cluster; nothing for a question or a closed ticket: those are
    answered from what was frozen."""
    subject = means.subjects.get(look.ticket.subject)
    if look.asked or not look.ticket.open or subject is None:
        return None
    return of_subject(means.db, means.clock, subject)


def of_subject(db: Database, clock: Clock, subject: Subject) -> Live | None:
    """What may be asked of a live subject; None if it answers no questions."""
    if not isinstance(subject, Explains):
        return None

    async def ask_it(query: Query, entity: str, window: tuple[float, float]) -> Piece:
        return await evidence.ask(db, clock, subject, query, entity, window)

    return Live(ask_it, subject.entities(), subject.pd_paths(), tuple(subject.readings().items()))


class Teller:
    """Tells how far it is: `diagnosis.progress`, at most once in TELL_EVERY_S."""

    def __init__(self, means: Means, look: Look, settings: ClaudeSettings) -> None:
        self._means, self._look, self._settings = means, look, settings
        self._told_at: float | None = None

    async def tell(self, now: Progress) -> None:
        """One step; what comes too soon after the last is left out."""
        at = self._means.clock.monotonic()
        if self._told_at is not None and at - self._told_at < TELL_EVERY_S:
            return
        self._told_at = at
        data = {
            "investigation_id": self._look.id,
            "text": now.text[:200],
            "turn": now.turn,
            "max_turns": self._settings.max_turns,
            "spent": now.micro_dollars,
            "micro_dollars": now.micro_dollars,
            "limit_micro_dollars": self._settings.max_micro_dollars,
        }
        try:
            await self._means.db.write_as(self._means.epoch, _emit, self._look, "progress", data)
        except Unavailable as error:
            # An answer that is paid for is not given up because nobody sees how far it is.
            log.info("progress was not told", action="diagnose", look=self._look.id, why=error.text)


def _emit(tx: Tx, look: Look, kind: str, data: dict[str, Any]) -> None:
    ticket, who = look.ticket, look.asked_by
    news = events.New(f"diagnosis.{kind}", ticket.subject, ticket.id, who, data)
    events.emit(tx, news)


def _ended(
    tx: Tx, means: Means, look: Look, ground: Ground, result: Result | None, why: str
) -> None:
    number = None
    if look.asked:
        made, said = _reply(ground, result, why)
        number = investigate.answered(
            tx, means, look, _enriched(tx, look, ground, result), made, said
        )
    elif result is not None and result.diagnosis is not None:
        number = _keep(tx, means, look, _enriched(tx, look, ground, result), result)
    said_why = why if result is None else result.why
    if not look.asked:
        looks.finish(tx, look.id, means.epoch, said_why)
    _emit(tx, look, "ended", _account(look, result, number, said_why))


def _enriched(tx: Tx, look: Look, ground: Ground, result: Result | None) -> Ground:
    """With what was asked live beside the frozen evidence: claims cite it, so it is kept."""
    if result is None or not result.added or result.diagnosis is None:
        return ground
    number = store.save_snapshot(tx, look.ticket.id, result.snapshot)
    return replace(ground, snapshot_id=number, snapshot=result.snapshot)


def _keep(tx: Tx, means: Means, look: Look, ground: Ground, result: Result) -> int:
    """A model's first word on a ticket is told even where it agrees: its reasons are new."""
    assert result.diagnosis is not None
    first = store.by_model(tx, look.ticket.id) is None
    new = New(
        ticket_id=look.ticket.id,
        snapshot_id=ground.snapshot_id,
        diagnosis=result.diagnosis,
        reason=look.reason,
        seconds=means.clock.monotonic() - ground.began,
        investigation_id=look.id,
        tell=first and result.ending is Ending.ANSWERED,
    )
    return store.save_diagnosis(tx, new)


def _reply(ground: Ground, result: Result | None, why: str) -> tuple[Diagnosis, Answer]:
    rules = ground.answer or Answer("")
    if result is None or result.answer is None:
        note = result.why if result is not None else why
        words = f"{rules.words}\n\n{note}" if note else rules.words
        return ground.rules, replace(rules, words=words)
    return result.diagnosis or ground.rules, result.answer


def _account(look: Look, result: Result | None, number: int | None, why: str) -> dict[str, Any]:
    told = {"investigation_id": look.id, "diagnosis_id": number, "why": why[:400]}
    if result is None:
        return {**told, "ended": "failed"}
    stopped = result.ending is Ending.STOPPED
    ended = "stopped" if stopped else "done" if number is not None else "failed"
    return {
        **told,
        "ended": ended,
        "ending": str(result.ending),
        "model": result.model,
        "turns": result.turns,
        "calls": result.calls,
        "tokens": result.tokens,
        "micro_dollars": result.micro_dollars,
        "seconds": round(result.seconds, 3),
        "steps": [one[:200] for one in result.looked_at[:20]],
    }
