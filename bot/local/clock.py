"""Time for the local workspace: the one file of it that reads the clock and sleeps.

The shape is that of the product's own clock, so a test may hand the same manual clock to both.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

YIELDS = 10  # loop turns granted to whatever a moved clock wakes


class Clock(Protocol):
    """What the workspace knows of time."""

    def now(self) -> datetime:
        """Wall time, timezone-aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


class ManualClock:
    """A clock that stands still until `advance` moves it."""

    def __init__(self, start: datetime | None = None) -> None:
        self._wall = start or datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self._mono = 0.0
        self._count = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._mono

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._mono + seconds, next(self._count), bell))
        await bell

    async def advance(self, seconds: float) -> None:
        """Move forward, ringing each sleeper's bell at its own instant."""
        await self._let_run()  # whoever is about to go to sleep does so first
        end = self._mono + seconds
        while self._waiting and self._waiting[0][0] <= end:
            due, _, bell = heapq.heappop(self._waiting)
            if not bell.done():
                self._set(due)
                bell.set_result(None)
                await self._let_run()
        self._set(end)
        await self._let_run()

    def _set(self, mono: float) -> None:
        self._wall += timedelta(seconds=mono - self._mono)
        self._mono = mono

    @staticmethod
    async def _let_run() -> None:
        for _ in range(YIELDS):
            await asyncio.sleep(0)


class Timer:
    """One thing to do later; `cancel` calls it off."""

    __slots__ = ("cancelled", "due", "what")

    def __init__(self, due: float, what: Callable[[], None]) -> None:
        self.due = due
        self.what = what
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    """Many deadlines on one clock with one sleeping task, so that a burst costs a heap push each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = itertools.count()
        self._heap: list[tuple[float, int, Timer]] = []
        self._runner: asyncio.Task[None] | None = None
        self._nap: asyncio.Task[None] | None = None

    def after(self, seconds: float, what: Callable[[], None]) -> Timer:
        """Call `what` once `seconds` have passed on the clock."""
        timer = Timer(self._clock.monotonic() + seconds, what)
        earliest = not self._heap or timer.due < self._heap[0][0]
        heapq.heappush(self._heap, (timer.due, next(self._count), timer))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run(), name="local timers")
        elif earliest and self._nap is not None:
            self._nap.cancel()
        return timer

    async def close(self) -> None:
        """Forget every deadline."""
        self._heap.clear()
        tasks = [t for t in (self._runner, self._nap) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._runner = self._nap = None

    async def _run(self) -> None:
        while self._heap:
            due, _, timer = self._heap[0]
            if timer.cancelled:
                heapq.heappop(self._heap)
                continue
            wait = due - self._clock.monotonic()
            if wait > 0:
                await self._doze(wait)
                continue
            heapq.heappop(self._heap)
            timer.what()

    async def _doze(self, seconds: float) -> None:
        self._nap = asyncio.create_task(_sleep(self._clock, seconds), name="local nap")
        # wait() does not raise when the nap is cut short for an earlier deadline.
        await asyncio.wait({self._nap})


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
