"""Reading many sources at their own pace: a slow one delays nothing, and ages in the open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from core.clock import Clock, within
from core.errors import TocsinError
from core.invariant import Reading
from core.tasks import Tasks

T = TypeVar("T")

RETRY_S = 5.0
"""A read that failed is tried again after so long at most, however seldom its source is read."""
# A tick that comes a little early still starts the read that is due, instead of one tick later.
_EARLY = 0.1


class Source(Generic[T]):
    """One source: how to read it, how often, and the newest good answer.

    Times are monotonic seconds. `value` is None until the first good answer; `began_at` is when the
    read that gave it was started, `seen_at` when it ended; `error` is what went wrong since.
    `answers` counts good answers; `stumbled`: reads failed between the newest and the one before.
    """

    def __init__(
        self, name: str, period_s: float, read: Callable[[], Awaitable[T]], clock: Clock
    ) -> None:
        self.name = name
        self.period_s = period_s
        self.value: T | None = None
        self.began_at: float | None = None
        self.seen_at: float | None = None
        self.error = ""
        self.failure: TocsinError | None = None
        self.answers = 0
        self.stumbled = False
        self._read = read
        self._clock = clock
        self._due_at = float("-inf")
        self._running_since: float | None = None
        self._took_s = 0.0

    def due(self, mono: float) -> bool:
        """Whether it is time to read it, and no read is under way."""
        return self._running_since is None and mono >= self._due_at - _EARLY * self.period_s

    def hurry(self) -> None:
        """Read it at the next look, whenever it was due."""
        self._due_at = float("-inf")

    def pace(self, period_s: float) -> None:
        """Read it every `period_s` seconds from now on."""
        self.period_s = period_s
        self._due_at = min(self._due_at, self._clock.monotonic() + period_s)

    async def read(self) -> None:
        """Ask once. A failure of the source is kept, not raised; a bug is kept and raised."""
        began = self._clock.monotonic()
        self._running_since = began
        self._due_at = began + self.period_s
        try:
            value = await self._read()
        except TocsinError as error:
            self._failed(error.text, error)
        except Exception as error:
            # Whatever else happened is a bug of ours: the source still counts as not seen.
            self._failed(f"it could not be read: {type(error).__name__}", None)
            raise
        else:
            self.stumbled = bool(self.error)
            self.value, self.began_at, self.error, self.failure = value, began, "", None
            self.answers += 1
            self.seen_at = self._clock.monotonic()
            self._took_s = self.seen_at - began
        finally:
            self._running_since = None

    def _failed(self, text: str, error: TocsinError | None) -> None:
        self.error, self.failure = text, error
        again = self._clock.monotonic() + RETRY_S + _EARLY * self.period_s
        self._due_at = min(self._due_at, again)

    def overdue_s(self, mono: float) -> float:
        """For how long the read under way has gone on; 0 if there is none."""
        return 0.0 if self._running_since is None else mono - self._running_since

    def fresh(self, mono: float) -> bool:
        """Whether the newest good answer still speaks for the present."""
        return self.seen_at is not None and mono - self.seen_at <= 2 * self.pace_s

    @property
    def pace_s(self) -> float:
        """How often it is really read: its period, or as long as one read takes."""
        return max(self.period_s, self._took_s)

    def reading(self, mono: float, at: float) -> Reading:
        """Its age, told in wall time; a step of the wall clock does not change the age."""
        seen = None if self.seen_at is None else at - (mono - self.seen_at)
        error = self.error
        if not error and self.overdue_s(mono) > 2 * self.pace_s:
            error = "no answer yet"
        return Reading(seen, self.pace_s, error)


async def read_due(
    sources: Sequence[Source[Any]], tasks: Tasks, clock: Clock, wait_s: float
) -> None:
    """Start what is due, all at once, and wait for it at most `wait_s`; the rest goes on."""
    mono = clock.monotonic()
    started = [tasks.start(f"read {one.name}", one.read()) for one in sources if one.due(mono)]
    if not started:
        return
    try:
        await within(clock, wait_s, asyncio.wait(started))
    except TimeoutError:
        return
