"""Making room for people: while somebody is being served, the program's own work pauses.

Threads share one interpreter, and whatever plans or writes a storm takes half of it from the few
milliseconds that a command needs. So heavy work pauses at its joints while anybody waits for an
answer: each time for a moment, and for so long in all that nothing starves.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PAUSE_S = 0.05
"""The longest pause at once: a command takes a tenth of it."""
PATIENCE_S = 0.25
"""All pauses of one piece of work together."""


class Courtesy:
    """Who is being served. `serving` and `make_room` belong to one event loop, the rest to any thread."""

    def __init__(self, pause_s: float = PAUSE_S) -> None:
        self.pause_s = pause_s
        self._served = 0
        self._clear = threading.Event()
        self._clear.set()
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer now."""
        return self._served > 0

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Somebody waits for an answer inside the block."""
        self._served += 1
        self._clear.clear()
        try:
            yield
        finally:
            self._served -= 1
            if not self._served:
                self._clear.set()
                for one in self._waiting:
                    if not one.done():
                        one.set_result(None)

    async def make_room(self) -> None:
        """Returns when nobody is being served, or after `pause_s`."""
        if not self._served:
            return
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(until)
        try:
            await asyncio.wait((until,), timeout=self.pause_s)
        finally:
            self._waiting.discard(until)

    def patience(self, limit_s: float = PATIENCE_S) -> Patience:
        """For one piece of work in a thread: it pauses for `limit_s` in all."""
        return Patience(self._clear, limit_s)


class Patience:
    """What is left of the pauses that one piece of work makes."""

    __slots__ = ("_clear", "_left_s")

    def __init__(self, clear: threading.Event, limit_s: float) -> None:
        self._clear = clear
        self._left_s = limit_s

    def pause(self, limit_s: float = PAUSE_S) -> None:
        """Blocks the thread while somebody is being served, for `limit_s` at most."""
        if self._clear.is_set() or self._left_s <= 0:
            return
        began = time.monotonic()
        self._clear.wait(min(limit_s, self._left_s))
        self._left_s -= time.monotonic() - began
