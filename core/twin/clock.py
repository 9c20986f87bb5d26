"""The twin's own clock: wall stamps are always true, durations shrink by the layout's speed."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Durations of a real cluster, divided by `speed` (1.0 = as real).

    Wall stamps in bodies and logs are never scaled: only how long things take is.
    """

    __slots__ = ("_origin", "speed")

    def __init__(self, speed: float = 1.0) -> None:
        if not 0.01 <= speed <= 1000:
            raise ValueError("speed must lie between 0.01 and 1000")
        self.speed = speed
        self._origin = time.monotonic()

    def span(self, seconds: float, floor_s: float = 0.0) -> float:
        """Real seconds that `seconds` of a real cluster take here, never below `floor_s`."""
        return max(seconds / self.speed, floor_s)

    def since_start(self) -> float:
        """Seconds since this process made its clock (Go's `m=+` figure)."""
        return time.monotonic() - self._origin


def wall_ns() -> int:
    """Nanoseconds since 1970, UTC."""
    return time.time_ns()


def mono() -> float:
    """Seconds on the monotonic clock; it runs on while the process is stopped by SIGSTOP."""
    return time.monotonic()


async def sleep(seconds: float) -> None:
    """Sleep real seconds."""
    await asyncio.sleep(seconds)
