"""Socket Mode: several connections to one app, and a watchdog that does not let any stay deaf.

Slack sends each payload to one of the connections, so that while one renews itself the other hears.
The SDK's client has a state from which it never recovers by itself: after a refused handshake it
tries the same used-up address for ever. Forgetting the address (`wss_uri = None`) cures that; what
stays unhealthy for longer is built anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from core.clock import Clock
from core.metrics import Metrics
from core.tasks import Tasks

PING_S = 5.0
"""How often each connection is pinged; a dead one is noticed after about twice that."""
LOOK_S = 2.5
"""How often the watchdog looks."""
DEAF_PINGS = 3
"""Unhealthy for so many pings: forget the address, so that the next attempt asks for a new one."""
CLOSE_S = 2.0
"""How long closing may take."""
REBUILD_S = 60.0
"""Unhealthy for so long: close the connection and build another."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """`app_token` is the app-level token (xapp-...); `connections` how many sockets (1 to 10)."""

    app_token: str
    connections: int = 2
    proxy: str | None = None
    ping_s: float = PING_S


class Quiet(logging.Filter):
    """Lets a repeating failure through once a minute, and without its stack trace."""

    def __init__(self, clock: Clock, every_s: float = 60.0) -> None:
        super().__init__()
        self._clock = clock
        self._every_s = every_s
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return record.levelno >= logging.INFO
        now = self._clock.monotonic()
        name = f"{record.name}:{record.lineno}"
        if now - self._last.get(name, float("-inf")) < self._every_s:
            return False
        self._last[name] = now
        record.exc_info = record.exc_text = None
        return True


class Line:
    """One connection under watch."""

    def __init__(
        self, make: Callable[[], AsyncSocketModeHandler], clock: Clock, rebuild_s: float
    ) -> None:
        self._make = make
        self._rebuild_s = rebuild_s
        self._clock = clock
        self._handler: AsyncSocketModeHandler | None = None
        self._healthy_at = clock.monotonic()
        self._forgot_at = self._healthy_at
        self.rebuilds = 0

    async def connect(self) -> None:
        """Connect; returns when connected (the SDK tries until then)."""
        self._handler = self._make()
        await self._handler.connect_async()  # type: ignore[no-untyped-call] # the SDK's

    async def up(self) -> bool:
        """Whether this connection hears Slack now."""
        handler = self._handler
        return handler is not None and bool(await handler.client.is_connected())

    async def look(self, ping_s: float) -> bool:
        """Check the connection, and help it where it does not help itself; whether it is up."""
        now = self._clock.monotonic()
        if await self.up():
            self._healthy_at = self._forgot_at = now
            return True
        if self._handler is not None and now - self._forgot_at >= DEAF_PINGS * ping_s:
            self._forgot_at = now
            self._handler.client.wss_uri = None
            _log.warning("a connection to Slack is deaf", action="socket.deaf")
        return False

    @property
    def hopeless(self) -> bool:
        """Whether it is to be built anew."""
        return self._clock.monotonic() - self._healthy_at > self._rebuild_s

    async def rebuild(self) -> None:
        """Close what is there and start over."""
        self.rebuilds += 1
        self._healthy_at = self._forgot_at = self._clock.monotonic()
        _log.warning("a connection to Slack is built anew", action="socket.rebuild")
        await self.close()
        await self.connect()

    async def close(self) -> None:
        """End the connection and everything that the SDK runs for it."""
        handler, self._handler = self._handler, None
        if handler is None:
            return
        client = handler.client
        running = [
            client.message_processor,
            client.current_session_monitor,
            client.message_receiver,
        ]
        try:
            # A half-open connection would wait for the other side's goodbye.
            closing = handler.close_async()  # type: ignore[no-untyped-call] # the SDK's
            await asyncio.wait_for(closing, CLOSE_S)
        except Exception as error:  # noqa: BLE001 - a broken connection may fail to close; it is gone
            _log.info("a connection did not close", action="socket.close_failed", error=repr(error))
        client.closed = True
        await client.aiohttp_client_session.close()
        for task in running:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(t for t in running if t is not None), return_exceptions=True)


class Sockets:
    """All connections of one app. `start` returns when the first one is up."""

    def __init__(
        self,
        app: AsyncApp,
        web: AsyncWebClient,
        settings: SocketSettings,
        clock: Clock,
        tasks: Tasks,
        metrics: Metrics,
        *,
        look_s: float = LOOK_S,
        rebuild_s: float = REBUILD_S,
    ) -> None:
        self._look_s = look_s
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        self._metrics = metrics
        self._up = 0
        self._workers: list[asyncio.Task[None]] = []
        logger = logging.getLogger("slack_sdk.socket_mode")
        # Without a level of its own the SDK takes it for debugging, and builds a text for every frame.
        logger.setLevel(logging.INFO)
        self._quiet = Quiet(clock)
        self._logger = logger
        logger.addFilter(self._quiet)

        def make() -> AsyncSocketModeHandler:
            handler = AsyncSocketModeHandler(
                app,
                settings.app_token,
                logger=logger,
                web_client=web,
                proxy=settings.proxy,
                ping_interval=settings.ping_s,
            )
            handler.client.proxy = settings.proxy  # without one the SDK has looked for itself
            return handler

        self.lines = tuple(Line(make, clock, rebuild_s) for _ in range(settings.connections))

    @property
    def up(self) -> int:
        """How many connections heard Slack when last looked at."""
        return self._up

    async def start(self) -> None:
        """Connect all, and watch over them until `stop`. Returns when one is up."""
        connecting = [self._tasks.start("socket", line.connect()) for line in self.lines]
        await asyncio.wait(connecting, return_when=asyncio.FIRST_COMPLETED)
        await self.look()
        self._workers.append(self._tasks.start("socket watchdog", self._watch()))
        self._workers.extend(connecting)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(self._look_s)
            await self.look()

    async def look(self) -> int:
        """Look at every connection once; how many are up."""
        up = 0
        for line in self.lines:
            up += await line.look(self._settings.ping_s)
            if line.hopeless:
                self._metrics.socket_rebuilds.inc()
                self._workers.append(self._tasks.start("socket rebuild", line.rebuild()))
        self._workers = [w for w in self._workers if not w.done()]
        self._up = up
        self._metrics.sockets.set(up)
        return up

    async def stop(self) -> None:
        """Close all connections."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for line in self.lines:
            await line.close()
        self._logger.removeFilter(self._quiet)
        self._up = 0
        self._metrics.sockets.set(0)
