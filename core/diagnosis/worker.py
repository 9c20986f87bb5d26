"""Diagnoses tickets in the background: follows events, makes the looks that are due, asks Claude.

Looks by rules are short, two at a time, so that the first word on a ticket waits for no model. Asking
Claude takes minutes and has lanes of its own, one for tickets and one for people. A look is a row, so
that one that was under way when the program ended is taken up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from core import events
from core.clock import within
from core.db import Fenced, Tx
from core.diagnosis import ask_model, calls, looks, recheck, store
from core.diagnosis.claude.task import Ending, Result
from core.diagnosis.evidence import gather
from core.diagnosis.investigate import Ground, Means, look_at
from core.diagnosis.looks import Look
from core.diagnosis.made import Made
from core.diagnosis.model import Reason, Snapshot
from core.diagnosis.recheck import Rechecked
from core.diagnosis.store import LOOKS
from core.errors import TocsinError
from core.metrics import Metrics
from core.tasks import Tasks
from core.tickets import store as tickets
from core.tickets.model import Ticket

log = structlog.get_logger()

CONSUMER = "diagnosis"
SKIP = ("diagnosis.progress", "ticket.recovering", "ticket.changed", "tick.settled")
AT_ONCE = 2
"""Looks by rules at a time: each reads all sources of a subject."""
ASKING = 2
"""Looks that a model works on at a time: so many for tickets, and so many for people who asked."""
RECHECKS = 2
"""Re-checks at a time: whoever may look may press that button, and each reads all sources."""
WAITING = 10
"""Looks that may wait for a model, those of people aside."""
REST_S = {
    **dict.fromkeys((Ending.BUSY, Ending.UNREACHABLE), 60.0),
    **dict.fromkeys((Ending.DENIED, Ending.REJECTED), 600.0),
}
"""How long a model is left alone after an ending that the next call would share."""
RETRY_S = 1.0
"""Rest after a failure of the queue itself."""
LOOK_LIMIT_S = 30.0
"""A look by rules that takes longer has failed: gathering is limited to a tenth of that."""


class Worker:
    """Makes looks until cancelled; `run` ends only with Fenced."""

    def __init__(self, means: Means, metrics: Metrics | None = None) -> None:
        self.means = means
        self._db, self._epoch = means.db, means.epoch
        self._metrics = metrics
        self._tasks = Tasks(self._unexpected)
        self._in_hand: set[int] = set()
        self._working: set[int] = set()
        self._stopped: set[int] = set()
        self._asking: dict[int, int] = {}
        self._lanes = (asyncio.Semaphore(ASKING), asyncio.Semaphore(ASKING))
        self._rechecks = asyncio.Semaphore(RECHECKS)
        self._resting_until = 0.0
        self._fenced: Fenced | None = None

    @property
    def busy(self) -> int:
        """Looks that are being made, in both lanes."""
        return len(self._in_hand)

    async def run(self) -> None:
        """Follow and look; a failure is told in the log and tried again."""
        both = (self._insist(self._follow), self._insist(self._pump))
        try:
            await asyncio.gather(*(self._tasks.start("diagnosis", one) for one in both))
        finally:
            await self._tasks.cancel()

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Fenced:
                raise
            except Exception as error:  # noqa: BLE001 - the worker outlives whatever one turn does
                self._unexpected("diagnosis", error)
                await self.means.clock.sleep(RETRY_S)

    def _unexpected(self, where: str, error: BaseException) -> None:
        if isinstance(error, Fenced):
            self._fenced = error
            self._db.news.tell((LOOKS,))
            return
        log.error("diagnosis failed; it is tried again", action="diagnose", exc_info=error)
        if self._metrics is not None:
            self._metrics.failures.labels(where).inc()

    async def _follow(self) -> None:
        await events.follow(self._db, CONSUMER, self.hear, self._epoch, SKIP)

    def hear(self, tx: Tx, batch: list[events.Event]) -> None:
        """One batch of events: queue what they call for, note what is stopped."""
        for event in batch:
            if event.kind == "diagnosis.stopped":
                self._stopped.add(int(event.data.get("investigation_id", 0)))
        calls.hear(tx, batch)

    async def _pump(self) -> None:
        while True:
            seen = self._db.news.seen(LOOKS)
            if self._fenced is not None:
                raise self._fenced
            # A look that was stopped before it began is dropped by its row; nothing else asks for it.
            self._stopped &= self._in_hand
            while await self._claimed():
                pass
            await self._rest(seen)

    async def _claimed(self) -> bool:
        """Begin as many looks as there is room for; whether there may be more."""
        room = AT_ONCE - len(self._working)
        mine = (self._epoch, frozenset(self._in_hand))
        if room <= 0 or not await self._db.read(looks.any_ready, *mine):
            return False
        for look in await self._db.write_as(self._epoch, looks.claim, *mine, room):
            self._in_hand.add(look.id)
            self._working.add(look.id)
            self._tasks.start(f"look {look.id}", self._look(look))
        return True

    async def _rest(self, seen: int) -> None:
        """Until something is asked for, a place is free, or a look comes due."""
        due, news = await self._db.read(looks.next_due), self._db.news
        if due is None or len(self._working) >= AT_ONCE:
            await news.wait(LOOKS, seen)
            return
        try:
            await within(self.means.clock, max(due - self._now(), 0.0), news.wait(LOOKS, seen))
        except TimeoutError:
            return

    def _now(self) -> float:
        return self.means.clock.now().timestamp()

    async def _look(self, look: Look) -> None:
        try:
            ground = await self._by_rules(look)
            if ground.ask_model:
                await self._ask_model(look, ground)
        except Exception as error:  # noqa: BLE001 - told to people and in the log, and tried again
            await self._went_wrong(look, error)
        finally:
            self._in_hand.discard(look.id)
            self._stopped.discard(look.id)
            self._db.news.tell((LOOKS,))

    async def _by_rules(self, look: Look) -> Ground:
        try:
            ground = await within(self.means.clock, LOOK_LIMIT_S, look_at(self.means, look))
        finally:
            self._working.discard(look.id)
            self._db.news.tell((LOOKS,))
        self._count(look, ground)
        return ground

    async def _went_wrong(self, look: Look, error: Exception) -> None:
        if isinstance(error, Fenced):
            raise error
        log.error("a look failed", action="diagnose", look=look.id, exc_info=error)
        if self._metrics is not None:
            self._metrics.failures.labels("look").inc()
        await self._db.write_as(self._epoch, looks.fail, look, self._epoch, _words(error))

    async def _ask_model(self, look: Look, ground: Ground) -> None:
        """In the second lane; the place in the first is free meanwhile."""
        ticket, settings = look.ticket, self.means.allowed.model_for(look.ticket.subject)
        nobody = look.asked_by is None
        why = self._better_not(ticket) if nobody else ""
        if settings is None or why:
            await self._db.write_as(self._epoch, looks.finish, look.id, self._epoch, why)
            return
        self._asking[look.id] = ticket.id
        try:
            async with self._lanes[nobody]:
                result = await ask_model.ask(
                    self.means, look, ground, settings, lambda: look.id in self._stopped
                )
        finally:
            self._asking.pop(look.id, None)
        self._rest_from(result)
        self._count_model(result)

    def _better_not(self, ticket: Ticket) -> str:
        """Why a model is not asked now, unless a person wants it; "" if it may be."""
        if ticket.id in self._asking.values():
            return "a model looks at this ticket already"
        if len(self._asking) >= ASKING + WAITING:
            return "too much at once for a model: rules alone, unless you ask"
        if self.means.clock.monotonic() < self._resting_until:
            return "asking a model failed a moment ago: rules alone for now, unless you ask"
        return ""

    def _rest_from(self, result: Result | None) -> None:
        """A service that fails, or does not let us in, is left alone for a while."""
        seconds = 0.0 if result is None else REST_S.get(result.ending, 0.0)
        if seconds:
            self._resting_until = self.means.clock.monotonic() + seconds

    def _count(self, look: Look, ground: Ground) -> None:
        said, seconds = ground.rules, self.means.clock.monotonic() - ground.began
        log.info(
            "a ticket was looked at",
            action="diagnose",
            ticket=look.ticket.id,
            reason=str(look.reason),
            cause=said.cause,
            entity=said.entity,
            certainty=str(said.certainty),
            seconds=round(seconds, 3),
        )
        if self._metrics is None or look.asked:
            return
        self._metrics.diagnoses.labels("rules", str(said.certainty)).inc()
        self._metrics.diagnosis_seconds.labels("rules").observe(seconds)

    def _count_model(self, result: Result | None) -> None:
        if self._metrics is None or result is None:
            return
        said = result.diagnosis
        self._metrics.diagnoses.labels("claude", str(said.certainty) if said else "none").inc()
        self._metrics.diagnosis_seconds.labels("claude").observe(result.seconds)
        self._metrics.diagnosis_tokens.inc(result.tokens)
        self._metrics.diagnosis_dollars.inc(result.micro_dollars / 1e6)

    async def recheck(self, diagnosis_id: int) -> Rechecked:
        """Every claim of a diagnosis, then and now: gathers anew, which takes some seconds at most.

        NotFound if it is kept no more; Unavailable if its subject is not watched here.
        """
        made, then, ticket = await self._db.read(_to_recheck, diagnosis_id)
        subject = self.means.subject(ticket.subject)
        async with self._rechecks:
            now = await gather(self._db, self.means.clock, subject, ticket, Reason.ASKED)
            return await asyncio.to_thread(recheck.again, diagnosis_id, made.diagnosis, then, now)


def _to_recheck(tx: Tx, diagnosis_id: int) -> tuple[Made, Snapshot, Ticket]:
    made = store.get(tx, diagnosis_id)
    return made, store.snapshot(tx, made.snapshot_id), tickets.get(tx, made.ticket_id)


def _words(error: Exception) -> str:
    if isinstance(error, TocsinError):
        return error.text
    if isinstance(error, TimeoutError):
        return f"it took longer than {LOOK_LIMIT_S:g} s"
    return f"{type(error).__name__}: {error}"
