"""Waking those who wait for a commit, without telling them what it was: they look for themselves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable


class News:
    """A count per topic that waiters compare with the one they saw last."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def seen(self, topic: str) -> int:
        """The count to remember before looking; hand it to `wait`."""
        return self._counts[topic]

    def tell(self, topics: Iterable[str]) -> None:
        """Something was committed under each of `topics`."""
        for topic in topics:
            self._counts[topic] += 1
            for waiter in self._waiting.pop(topic, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def tell_all(self) -> None:
        """Something was committed by another process: everybody looks."""
        self.tell(tuple(set(self._waiting) | set(self._counts)))

    async def wait(self, topic: str, seen: int) -> None:
        """Returns at once if anything came since `seen`, else when it does."""
        if self._counts[topic] != seen:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(topic, set()).add(waiter)
        try:
            await waiter
        finally:
            self._waiting.get(topic, set()).discard(waiter)
