"""A subject that sees what a test says, and a watch over it: for tests of the core alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.clock import ManualClock
from core.db import Database
from core.invariant import HOLDS, Broken, Invariant, Reading, Severity, Unknown, Verdict
from core.monitor import Watch
from core.subject import Observation
from core.tickets import store
from core.tickets.model import Ticket

PERIOD_S = 2.0


@dataclass
class Scripted:
    """`says` maps (invariant, entity) to what is seen; everything else in `entities` holds."""

    clock: ManualClock
    name: str = "prod"
    kind: str = "scripted"
    interval_s: float = PERIOD_S
    entities: tuple[str, ...] = ("store:1", "store:2", "store:3")
    says: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    carry: Mapping[str, Any] = field(default_factory=dict)
    recalled: Mapping[str, Any] | None = None
    blind: bool = False
    frozen_at: float | None = None
    hold_s: float = 60.0
    recover_s: float = 0.0

    @property
    def invariants(self) -> tuple[Invariant[Any, Any], ...]:
        def check(name: str) -> Any:
            def look(entity: str, _o: Any, _s: Any) -> Verdict:
                """Scripted."""
                return self.says.get((name, entity), HOLDS)

            return look

        def scope(_: Any) -> list[tuple[str, str]]:
            return [(e, e) for e in self.entities]

        def one(name: str, severity: Severity, hold_s: float, *causes: str) -> Any:
            return Invariant(
                name, severity, "source", hold_s, scope, check(name), self.recover_s, {}, causes
            )

        return (
            one("store_down", Severity.CRITICAL, 0.0),
            one("quorum_margin", Severity.CRITICAL, 0.0, "store_down"),
            one("high_latency", Severity.WARNING, self.hold_s, "store_down", "quorum_margin"),
        )

    def recall(self, carry: Mapping[str, Any]) -> None:
        self.recalled = carry

    async def observe(self) -> Observation:
        now = self.clock.now().timestamp()
        seen = self.frozen_at if self.frozen_at is not None else now
        reading = Reading(None if self.blind else seen, PERIOD_S, "no answer" if self.blind else "")
        return Observation(self.name, now, {"source": reading}, self.removed, self.carry)

    async def close(self) -> None:
        return None

    def breaks(self, invariant: str, entity: str, **how: Any) -> None:
        found = Broken(how.pop("title", f"{entity} {invariant}"), "seen", **how)
        self.says[invariant, entity] = found

    def heals(self, invariant: str, entity: str) -> None:
        self.says.pop((invariant, entity), None)

    def hides(self, invariant: str, entity: str) -> None:
        self.says[invariant, entity] = Unknown("cannot be seen")


@dataclass
class Bench:
    """A watch over a scripted subject, tick by tick."""

    db: Database
    clock: ManualClock
    subject: Scripted
    watch: Watch

    @classmethod
    async def open(cls, db: Database, clock: ManualClock, epoch: int, **how: Any) -> Bench:
        subject = Scripted(clock, **how)
        watch = Watch(subject, db, clock, epoch)
        await watch.start()
        bench = cls(db, clock, subject, watch)
        await bench.ticks(5)
        return bench

    async def ticks(self, n: int, seconds: float = PERIOD_S) -> None:
        for _ in range(n):
            await self.clock.advance(seconds)
            await self.watch.tick()

    async def all(self) -> list[Ticket]:
        found = await self.db.read(store.listing, store.Filter("all"))
        return sorted(found, key=lambda t: t.id)

    async def only(self) -> Ticket:
        [ticket] = await self.all()
        return ticket
