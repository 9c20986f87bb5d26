"""Whose turn it is to write: those whom somebody waits for go first, each rank in order of arrival.

A turn is handed over, never raced for. The program's own work is not starved: after `IN_A_ROW` turns
of people one of its writers gets one.
"""

from __future__ import annotations

import asyncio
from collections import deque

from core.errors import Unavailable

TURN_TIMEOUT_S = 10.0
"""How long a write waits for its turn behind others of this process."""
IN_A_ROW = 10
"""People's turns while a background writer waits: some 20 ms, and a storm is written in slices."""

Waiter = asyncio.Future[None]


class Turns:
    """One writer at a time. All of it belongs to one event loop; `pressing` and `waiting` may be read
    from any thread."""

    def __init__(self, timeout_s: float = TURN_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._taken = False
        self._people: deque[Waiter] = deque()
        self._program: deque[Waiter] = deque()
        self._in_a_row = 0

    @property
    def pressing(self) -> bool:
        """Whether somebody waits for a writer that is not theirs yet."""
        return bool(self._people)

    @property
    def waiting(self) -> bool:
        """Whether anything waits."""
        return bool(self._people or self._program)

    async def take(self, *, person: bool) -> None:
        """Returns once it is the caller's turn, which it must `give` back.

        Unavailable after `timeout_s`.
        """
        if not self._taken:
            self._taken = True
            return
        waiter: Waiter = asyncio.get_running_loop().create_future()
        queue = self._people if person else self._program
        queue.append(waiter)
        try:
            await asyncio.wait((waiter,), timeout=self._timeout_s)
        except asyncio.CancelledError:
            if waiter.done():
                self.give()
            else:
                queue.remove(waiter)
            raise
        if not waiter.done():
            queue.remove(waiter)
            raise Unavailable("The database has been busy for too long; try again.")

    def give(self) -> None:
        """The turn is over: whoever is next has it."""
        waiter = self._next()
        if waiter is None:
            self._taken = False
        else:
            waiter.set_result(None)

    def _next(self) -> Waiter | None:
        if self._people and not (self._program and self._in_a_row >= IN_A_ROW):
            self._in_a_row = self._in_a_row + 1 if self._program else 0
            return self._people.popleft()
        self._in_a_row = 0
        return self._program.popleft() if self._program else None
