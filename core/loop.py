"""The event loop of the program: it does not ask the kernel for news while it has work in hand.

asyncio polls once in each turn of its loop, also when callbacks wait, and each poll lets go of the
interpreter: with threads at work (planning a storm, writing it) a turn then waits up to a switch
interval to go on. A command takes some eighteen turns.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
Found = list[tuple[selectors.SelectorKey, int]]
POLL_EVERY_S = 0.001
"""The longest that news from outside waits for callbacks that are ready already."""


class Patient(selectors.DefaultSelector):
    """Polls at once when there is nothing else to do, else every POLL_EVERY_S."""

    def __init__(self) -> None:
        super().__init__()
        self._polled = 0.0

    def select(self, timeout: float | None = None) -> Found:
        """As every selector; with a timeout of 0 it may find nothing without having looked."""
        now = time.monotonic()
        if timeout is not None and timeout <= 0 and now - self._polled < POLL_EVERY_S:
            return []
        found = self.poll(timeout)
        self._polled = time.monotonic()
        return found

    def poll(self, timeout: float | None) -> Found:
        """Ask the kernel."""
        return super().select(timeout)


def make() -> asyncio.AbstractEventLoop:
    """A loop as described above."""
    return asyncio.SelectorEventLoop(Patient())


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, on such a loop."""
    with asyncio.Runner(loop_factory=make) as runner:
        return runner.run(main)
