"""Lets work go on only while nobody has said stop and there is time left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from core.clock import within
from core.diagnosis.claude.task import Ending, Means
from core.diagnosis.claude.wire import Failed
from core.tasks import Tasks

T = TypeVar("T")
TICK_S = 0.2
"""How often the stop flag is looked at while an answer streams in, seconds."""


def _handled(_name: str, _error: BaseException) -> None:
    """Whoever waits for the work gets its error."""


class Watch:
    """The time limit and the stop flag of one diagnosis."""

    def __init__(self, means: Means) -> None:
        self._clock, self._stopped = means.clock, means.stopped
        self._limit_s = means.settings.max_seconds
        self._began = means.clock.monotonic()
        self._tasks = Tasks(_handled)

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return self._clock.monotonic() - self._began

    @property
    def left_s(self) -> float:
        """How long it may still take."""
        return self._limit_s - self.seconds

    def look(self) -> None:
        """Failed if it was stopped or has run out of time."""
        if self._stopped():
            raise Failed(Ending.STOPPED, "Claude was stopped.")
        if self.left_s <= 0:
            raise Failed(Ending.OUT_OF_TIME, f"Claude took longer than {self._limit_s:g} s.")

    async def over(
        self, work: Coroutine[Any, Any, T], meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> T:
        """The result of the work; it is broken off as soon as `look` fails. `meanwhile` is done at
        each tick."""
        task = self._tasks.start("claude", work)
        try:
            while not task.done():
                self.look()
                try:
                    # Shielded: the tick ends, the work goes on.
                    await within(self._clock, TICK_S, asyncio.shield(task))
                except TimeoutError:
                    if meanwhile is not None:
                        await meanwhile()
            made: T = task.result()
            return made
        finally:
            await self._tasks.cancel()

    async def wait(self, seconds: float) -> None:
        """Wait, unless it is stopped meanwhile."""
        await self.over(self._rest(seconds))

    async def _rest(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
