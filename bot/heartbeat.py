"""Telling an outside watcher that a whole watch-and-deliver cycle ended, so that silence pages.

The URL is pinged with GET only while everything is well; a dead man's switch (healthchecks.io,
Dead Man's Snitch, an Alertmanager heartbeat) then pages when the pings stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot.health import Health
from core.clock import Clock
from core.schedule import every

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger()


class Heartbeat:
    """Pings `url` every `every_s` seconds, while `health` is good."""

    def __init__(
        self, url: str, every_s: float, health: Health, http: httpx.AsyncClient, clock: Clock
    ) -> None:
        self._url = url
        self._every_s = every_s
        self._health = health
        self._http = http
        self._clock = clock

    async def run(self) -> None:
        """Ping until cancelled."""
        await every(self._clock, lambda: self._every_s, self.beat, self._failed)

    async def beat(self) -> None:
        """One ping, if all is well. Raises what the connection raises."""
        if not all(part.ok for part in self._health.look().values()):
            return
        answer = await self._http.get(self._url)
        answer.raise_for_status()

    def _failed(self, error: BaseException) -> None:
        # The address may carry a secret: it is not told.
        log.warning("the heartbeat was not taken", action="heartbeat", why=type(error).__name__)
