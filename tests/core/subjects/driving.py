"""Drives a subject over its scripted cluster, tick by tick, and judges what it sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.clock import ManualClock
from core.invariant import HOLDS, Broken, Unknown, Verdict, judge

TURNS = 300


def raise_it(name: str, error: BaseException) -> None:
    raise AssertionError(f"{name} failed") from error


@dataclass
class Drive:
    """`watched` is a subject of any kind on a scripted cluster of its own kind, `world`.

    `last` is its newest observation; `seen` collects (time, invariant, entity) of everything found
    broken since `forget()`.
    """

    world: Any
    clock: ManualClock
    watched: Any
    last: Any = field(init=False)
    seen: list[tuple[float, str, str]] = field(default_factory=list)

    async def look(self) -> Any:
        """One observation. Only what waits for the clock makes the clock move."""
        task = asyncio.ensure_future(self.watched.observe())
        while not task.done():
            # Servers and subject share this loop: so many turns without an end mean that whatever
            # is left waits for the clock.
            for _ in range(TURNS):
                await asyncio.sleep(0)
                if task.done():
                    break
            else:
                await self.clock.advance(0.05)
        self.last = task.result()
        for name, entity, verdict in self.verdicts():
            if isinstance(verdict, Broken):
                self.seen.append((self.last.at, name, entity))
        return self.last

    async def run(self, seconds: float, each: Callable[[], None] | None = None) -> None:
        """Tick at the subject's own pace."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            began = self.clock.monotonic()
            await self.look()
            if each is not None:
                each()
            took = self.clock.monotonic() - began
            await self.clock.advance(max(self.watched.interval_s - took, 0.01))

    async def until(self, invariant: str, entity: str, kind: type, limit_s: float = 60.0) -> float:
        """Ticks until the verdict is of that kind; how long that took."""
        began = self.clock.monotonic()
        while not isinstance(self.verdict(invariant, entity), kind):
            assert self.clock.monotonic() - began < limit_s, self.verdict(invariant, entity)
            await self.run(self.watched.interval_s)
        return self.clock.monotonic() - began

    def verdicts(self) -> list[tuple[str, str, Verdict]]:
        found: list[tuple[str, str, Verdict]] = []
        for one in judge(self.watched.invariants, self.last, self.clock.now().timestamp()):
            name = one.invariant.name
            found += [(name, entity, verdict) for entity, verdict in one.broken.items()]
            found += [(name, entity, Unknown(why)) for entity, why in one.unknown.items()]
            found += [(name, entity, HOLDS) for entity in one.holds]
        return found

    def verdict(self, invariant: str, entity: str) -> Verdict:
        for name, at, verdict in self.verdicts():
            if (name, at) == (invariant, entity):
                return verdict
        return Unknown("not looked at")

    def broken(self) -> set[tuple[str, str]]:
        return {(name, at) for name, at, verdict in self.verdicts() if isinstance(verdict, Broken)}

    def unknown(self) -> set[tuple[str, str]]:
        return {(n, at) for n, at, verdict in self.verdicts() if isinstance(verdict, Unknown)}

    def forget(self) -> None:
        self.seen.clear()

    def ever(self, *names: str) -> set[tuple[str, str]]:
        """What was broken at any look since `forget()`; of these invariants, or of all."""
        return {(name, entity) for _, name, entity in self.seen if not names or name in names}
