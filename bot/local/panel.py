"""Something beside the channels that the page shows and can act on; handed in from outside."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from bot.local.state import State

EVERY_S = 1.0
FAILURES = (OSError, ValueError, LookupError, RuntimeError)


class Panel(Protocol):
    """What the workspace knows of it."""

    async def state(self) -> dict[str, Any]:
        """{"title", "items": [{"name", "kind", "state", "detail", "health", "verbs"}], "note"}."""
        ...

    async def act(self, name: str, verb: str) -> None:
        """Do `verb` to the item. Raises ValueError or LookupError with words for a person."""
        ...


class PanelWatch:
    """Looks at the panel once a second while a page is open, and tells what changed."""

    def __init__(self, state: State, panel: Panel | None) -> None:
        self._state = state
        self.panel = panel
        self._seen: dict[str, Any] | None = None
        self._task: asyncio.Task[Any] | None = None

    async def now(self) -> dict[str, Any] | None:
        if self.panel is None:
            return None
        try:
            return await self.panel.state()
        except FAILURES as error:
            # A panel that cannot look says so in its place; the page works without it.
            return {"title": "panel", "items": [], "note": f"cannot be read: {error}"}

    async def act(self, name: str, verb: str) -> None:
        if self.panel is None:
            raise LookupError("this workspace has no panel")
        await self.panel.act(name, verb)
        await self._look()

    def begin(self) -> None:
        """Somebody looks: start watching, if nothing does yet."""
        if self.panel is not None and (self._task is None or self._task.done()):
            self._task = self._state.tasks.start("local panel", self._watch())

    async def _watch(self) -> None:
        while self._state.news.watched:
            await self._look()
            await self._state.clock.sleep(EVERY_S)

    async def _look(self) -> None:
        found = await self.now()
        if found is not None and found != self._seen:
            self._seen = found
            self._state.news.tell("panel", lambda: {"panel": found})
