"""A worker over a scripted subject that explains itself: for tests of diagnosis in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from core import events, lock
from core.clock import Clock, ManualClock
from core.db import Database, Tx
from core.diagnosis import looks, store
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.evidence import About
from core.diagnosis.investigate import Means
from core.diagnosis.made import Made
from core.diagnosis.model import Piece, Query
from core.diagnosis.pieces import Filing
from core.diagnosis.settings import Allowed
from core.diagnosis.worker import Worker
from core.invariant import Broken, Invariant, Severity, Violation
from core.metrics import Metrics
from core.schema_diagnosis import investigations
from core.subject import Observation
from core.tasks import Tasks
from core.tickets import recovery, settle
from core.tickets import store as tickets
from core.tickets.plan import Healthy, Opening, Plan, Touch

ANA = "slack:UANA"
DEAD = {"state": "Disconnected", "address": "tikv-1:20160", "heartbeat_age_s": 40.0}


@dataclass
class Explained:
    """Says that store:1 was killed, or, once `well`, that nothing is wrong with it."""

    clock: Clock
    name: str = "prod"
    kind: str = "scripted"
    interval_s: float = 2.0
    invariants: tuple[Invariant[Any, Any], ...] = ()
    well: bool = False
    fails: BaseException | None = None
    explained: int = 0
    gate: asyncio.Event | None = None

    def recall(self, carry: Mapping[str, Any]) -> None:
        return None

    async def observe(self) -> Observation:
        return Observation(self.name, self.clock.now().timestamp(), {})

    async def close(self) -> None:
        return None

    def entities(self) -> tuple[str, ...]:
        return ("store:1", "store:2", "store:3")

    async def explain(self, about: About, filing: Filing) -> None:
        self.explained += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        for kind, now, before in self._pieces(about):
            filing.add(kind, "store:1", {"now": now, "before": before}, source=kind)
        if not self.well:
            killed = {"at": about.opened_at - 1, "action": "kill", "signal": "9", "exit_code": None}
            died = {"at": about.opened_at - 1, "action": "die", "signal": None, "exit_code": 137}
            window = (about.before, about.taken_at)
            content = {"events": [killed, died]}
            filing.add("event", "store:1", content, source="docker events", window=window)

    def _pieces(self, about: About) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        up = {"state": "Up", "address": "tikv-1:20160", "heartbeat_age_s": 3.0}
        fine, runs = {"ok": True, "said": ""}, {"name": "tikv-1", "status": "running"}
        if self.well:
            return [("store", up, up), ("probe", fine, fine), ("container", runs, runs)]
        ended = {"name": "tikv-1", "status": "exited", "exit_code": 137, "oom_killed": False}
        return [
            ("store", DEAD, up),
            ("probe", {"ok": False, "said": "connection refused"}, fine),
            ("container", ended, runs),
        ]

    async def ask(self, query: Query, entity: str, window: tuple[float, float]) -> Piece:
        at = window[1]
        return Piece("", "reading", query.text, entity, at, window, {"now": 1.0, "points": []})

    def pd_paths(self) -> tuple[str, ...]:
        return ("/stores",)

    def readings(self) -> Mapping[str, str]:
        return {"qps": "sum(rate(x[1m]))"}

    def absent(self) -> tuple[str, ...]:
        return ()


@dataclass
class Diagnosing:
    """A database, a worker that runs, and what a test does with them."""

    db: Database
    clock: Clock
    subject: Explained
    worker: Worker
    metrics: Metrics
    errors: list[BaseException] = field(default_factory=list)

    async def open(self, entity: str = "store:1", **how: Any) -> int:
        return (await self.db.write(open_tickets, [entity], **how))[0]

    async def idle(self, seconds: float = 10.0) -> None:
        """Until every event is heard and no look is due or in work."""
        async with asyncio.timeout(seconds):
            while self.worker.busy or await self.db.read(_unfinished):
                await asyncio.sleep(0.005)

    async def later(self, seconds: float) -> None:
        assert isinstance(self.clock, ManualClock)
        await self.clock.advance(seconds)
        await self.idle()

    async def made(self, ticket_id: int) -> list[Made]:
        return await self.db.read(store.of_ticket, ticket_id)

    async def events(self, *kinds: str) -> list[events.Event]:
        found = await self.db.read(events.since, 0)
        return [one for one in found if one.kind in kinds]

    async def rows(self, state: str = "") -> list[Any]:
        return await self.db.read(rows, state)


def rows(tx: Tx, state: str = "") -> list[Any]:
    query = investigations.select().order_by(investigations.c.id)
    return list(tx.rows(query.where(investigations.c.state == state) if state else query))


def _unfinished(tx: Tx) -> bool:
    due = looks.next_due(tx)
    waits = due is not None and due <= tx.now
    return events.newest(tx) > events.cursor(tx, "diagnosis") or waits or bool(rows(tx, "working"))


def violation(tx: Tx, entity: str, severity: Severity, invariant: str) -> Violation:
    found = Broken(f"{entity} is down", "refused", facts={})
    return Violation("prod", invariant, entity, severity, found, tx.now, 2.0, 0.0)


def open_tickets(
    tx: Tx,
    entities: list[str],
    *,
    severity: Severity = Severity.CRITICAL,
    invariant: str = "store_down",
    cause: int | None = None,
    adopted: bool = False,
) -> list[int]:
    ids: dict[str, int] = {}
    opens = [
        Opening(violation(tx, one, severity, invariant), None, adopted, cause) for one in entities
    ]
    settle.write(tx, Plan(opens=opens), "prod", ids, last=True)
    return list(ids.values())


def worsen(tx: Tx, ticket_id: int) -> None:
    ticket = tickets.get(tx, ticket_id)
    worse = violation(tx, ticket.entity, Severity.CRITICAL, ticket.invariant)
    settle.write(tx, Plan(touches=[Touch(ticket, worse, "worsened")]), "prod", {}, last=True)


def seen_healthy(tx: Tx, ticket_id: int) -> None:
    plan = Plan(healthy=[Healthy(tickets.get(tx, ticket_id), tx.now, tx.now, 0.0, resolve=False)])
    settle.write(tx, plan, "prod", {}, last=True)


def seen_broken(tx: Tx, ticket_id: int) -> None:
    ticket = tickets.get(tx, ticket_id)
    again = violation(tx, ticket.entity, ticket.severity, ticket.invariant)
    settle.write(tx, Plan(touches=[Touch(ticket, again, "")]), "prod", {}, last=True)


def close(tx: Tx, ticket_id: int) -> None:
    recovery.close(tx, [tickets.get(tx, ticket_id)])


@asynccontextmanager
async def diagnosing(
    db: Database,
    clock: Clock,
    *,
    claude: ClaudeSettings | None = None,
    running: bool = True,
    allowed: Allowed | None = None,
) -> AsyncIterator[Diagnosing]:
    epoch = await lock.take_epoch(db, "test")
    subject = Explained(clock)
    may = allowed or Allowed(claude, frozenset(("prod",)))
    means = Means(db, clock, epoch, {"prod": subject}, may)
    metrics = Metrics()
    bench = Diagnosing(db, clock, subject, Worker(means, metrics), metrics)
    tasks = Tasks(lambda _, error: bench.errors.append(error))
    if running:
        tasks.start("worker", bench.worker.run())
    try:
        yield bench
    finally:
        await tasks.cancel()
