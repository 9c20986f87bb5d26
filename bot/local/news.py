"""Who is told when the workspace changes: tests that wait, and pages that watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
QUEUE_LIMIT = 2000  # news items one slow page may lag behind before it is cut off


class Subscription:
    """One page's queue of news; `lost` is set when it could not keep up."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE_LIMIT)
        self.lost = False

    def put(self, item: dict[str, Any]) -> None:
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            self.lost = True


class News:
    """A change counter with waiters, and subscriptions to each change in words."""

    def __init__(self) -> None:
        self.version = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._subscriptions: list[Subscription] = []

    @property
    def watched(self) -> bool:
        """Whether any page looks on."""
        return bool(self._subscriptions)

    def subscribe(self) -> Subscription:
        subscription = Subscription()
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def touch(self) -> None:
        """Something changed: let every waiter look again."""
        self.version += 1
        waiting, self._waiting = self._waiting, []
        for bell in waiting:
            if not bell.done():
                bell.set_result(None)

    def tell(self, kind: str, build: Callable[[], dict[str, Any]]) -> None:
        """Announce a change; `build` is called only when somebody watches."""
        self.touch()
        if self._subscriptions:
            item = {"type": kind, **build()}
            for subscription in self._subscriptions:
                subscription.put(item)

    async def until(self, predicate: Callable[[], T], timeout_s: float) -> T:
        """The first truthy answer of `predicate`, asked again after each change.

        `timeout_s` is real time, whatever clock the workspace lives on. Raises TimeoutError.
        """
        async with asyncio.timeout(timeout_s):
            while not (answer := predicate()):
                bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(bell)
                await bell
            return answer
