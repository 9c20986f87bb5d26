"""Config -> core -> AsyncApp -> delivery: the only file that sees both sides whole.

Read it from `run` down: hold the database, meet Slack, start watching, start telling, serve, wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp

from bot import given, health, home, links
from bot.app import Front, asker, make_app
from bot.app_desk import Desk
from bot.app_whisper import Whisper
from bot.delivery import Delivery, DeliverySettings
from bot.guard import Guard
from bot.health import Health, Part
from bot.heartbeat import Heartbeat
from bot.home import Home
from bot.meeting import meet
from bot.monitor import commands as monitor_commands
from bot.monitor.commands import Watching
from bot.pager import Pager
from bot.points import Points
from bot.render import Renderer
from bot.roles import REFRESH_S, Roles
from bot.sender import Sender, SenderSettings
from bot.slack import Slack
from bot.socket import Sockets, SocketSettings
from bot.start import Identity
from bot.tickets import actions, commands, gathered
from bot.tickets.look import Surroundings
from core.clock import Clock
from core.config import Config, forget_slack_environment
from core.db import Fenced
from core.metrics import Metrics
from core.schedule import every
from core.tasks import Tasks
from core.wiring import Core, failed, hold_core

log = structlog.get_logger()

DELIVERY_LATE_S = 60.0
"""A sender that has not gone round for so long is not well."""


@dataclass(frozen=True, slots=True)
class Running:
    """The program as it runs: for the command line, and for tests."""

    core: Core
    health: Health
    port: int
    identity: Identity
    tasks: Tasks
    lost: list[str]
    _stopped: asyncio.Event

    def on_stop(self, stop: Callable[[], None]) -> None:
        """What to do when the program cannot go on."""

        async def wait() -> None:
            await self._stopped.wait()
            stop()

        self.tasks.start("stop", wait())


@asynccontextmanager
async def run(
    config: Config, clock: Clock, command: str, *, points: Points | None = None
) -> AsyncIterator[Running]:
    """The whole bot, running inside the block.

    Invalid for a configuration or tokens that cannot be right, Refused for tokens that Slack
    refuses or a database that somebody else holds.
    """
    routes = given.routes(config)
    slack_settings, app_token = given.slack(config), _app_token(config)
    metrics = Metrics()
    forget_slack_environment()
    async with AsyncExitStack() as stack:
        slack = await Slack.open(slack_settings, clock, metrics)
        stack.push_async_callback(slack.close)
        core = await stack.enter_async_context(hold_core(config, clock, command, metrics))
        identity = await meet(slack, app_token, core)
        tasks = Tasks(failed)
        stack.push_async_callback(tasks.cancel)
        parts = _Parts(core, slack, identity, tasks, points or Points())
        around = Surroundings(links=links.of(config.file.links))
        delivery, sender = parts.telling(Renderer(routes, around))
        roles = Roles(asker(slack), clock, given.roles(config), identity.team_id, routes.channels())
        app, sockets = parts.hearing(around, roles, sender)
        running = await parts.start(app, sockets, delivery, sender, roles, stack)
        yield running


def _app_token(config: Config) -> str:
    return given.app_token(config) if config.file.slack.mode == "socket" else ""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the parts of the program are made from."""

    core: Core
    slack: Slack
    identity: Identity
    tasks: Tasks
    points: Points

    def telling(self, renderer: Renderer) -> tuple[Delivery, Sender]:
        """Events to outbox rows, outbox rows to Slack."""
        core, config = self.core, self.core.config
        pager_settings = given.pager(config)
        pager = (
            None
            if pager_settings is None
            else Pager(pager_settings, self.slack.session, core.metrics)
        )
        settings = DeliverySettings(
            team=self.identity.team_id,
            routes=renderer.routes,
            fallback_after_s=None if pager is None else config.file.fallback.after,
        )
        delivery = Delivery(core.db, core.clock, core.epoch, settings, self.points)
        sender = Sender(
            core.db,
            core.clock,
            core.epoch,
            self.slack,
            renderer,
            core.metrics,
            SenderSettings(settle_s=config.file.slack.settle),
            pager,
            self.points,
        )
        core.own.listen(lambda: sender.trouble.auth)
        return delivery, sender

    def hearing(
        self, around: Surroundings, roles: Roles, sender: Sender
    ) -> tuple[AsyncApp, Sockets | None]:
        """Commands, clicks and forms, over Socket Mode or HTTP."""
        core, socket_mode = self.core, self.core.config.file.slack.mode == "socket"
        sockets: list[Sockets] = []
        watching = Watching(
            reports=lambda: [w.last for w in core.engine.watches if w.last is not None],
            interval_s=self._interval_s,
            connected=lambda: sockets[0].up if sockets else None,
            trouble=lambda: sender.trouble.auth or "",
        )
        book = commands.book(around).joined(actions.book(around)).joined(gathered.book())
        book = book.joined(monitor_commands.book(watching)).joined(home.book())
        desk = Desk(core.db, core.clock, roles, core.metrics)
        page = Home(self.slack.web, core.db, roles, watching)
        front = Front(book, desk, Whisper(self.slack.web), self.tasks, page.show)
        app = make_app(self.slack.web, self.identity, front)
        if not socket_mode:
            return app, None
        s = core.config.file.slack
        settings = SocketSettings(given.app_token(core.config), s.connections, s.proxy)
        sockets.append(Sockets(app, self.slack.web, settings, core.clock, self.tasks, core.metrics))
        return app, sockets[0]

    def _interval_s(self, subject: str) -> float:
        found = (
            w.subject.interval_s for w in self.core.engine.watches if w.subject.name == subject
        )
        return next(found, 0.0)

    async def start(
        self,
        app: AsyncApp,
        sockets: Sockets | None,
        delivery: Delivery,
        sender: Sender,
        roles: Roles,
        stack: AsyncExitStack,
    ) -> Running:
        """Begin to watch, to tell and to listen."""
        core, tasks = self.core, self.tasks
        stopped, lost = asyncio.Event(), list[str]()

        def taken() -> None:
            lost.append("another process has taken the database over")
            stopped.set()

        core.engine.on_fenced(taken)
        await core.engine.begin()
        core.engine.start(tasks)
        tasks.start("delivery", _unless_fenced(delivery.run, taken))
        tasks.start("delivery upkeep", _unless_fenced(delivery.upkeep, taken))
        tasks.start("sender", _unless_fenced(sender.run, taken))
        tasks.start("roles", every(core.clock, lambda: REFRESH_S, roles.refresh, _roles_stale))
        well = self._health(delivery, sender, sockets)
        port = await self._serve(app, well, stack, listening=sockets is None)
        self._beat(well)
        if sockets is not None:
            stack.push_async_callback(sockets.stop)
            tasks.start("sockets", sockets.start())
        return Running(core, well, port, self.identity, tasks, lost, stopped)

    def _health(self, delivery: Delivery, sender: Sender, sockets: Sockets | None) -> Health:
        core, well = self.core, Health()

        def watching() -> Part:
            now = core.engine.health()
            late = ", ".join(f"{n} for {s:.0f} s" for n, s in now.late.items())
            return Part(now.ok, f"no completed cycle of {late}" if late else "")

        def turned(at: float | None, what: str) -> Part:
            age = core.clock.monotonic() - at if at is not None else float("inf")
            return Part(age <= DELIVERY_LATE_S, "" if age <= DELIVERY_LATE_S else f"{what} is late")

        def slack() -> Part:
            refused = sender.trouble.auth
            return Part(refused is None, f"Slack refuses the token: {refused}" if refused else "")

        well.add("monitor", watching)
        well.add("delivery", lambda: turned(sender.turned_at, "the delivery cycle"))
        well.add("slack", slack)
        if sockets is not None:
            well.add("socket", lambda: Part(sockets.up > 0, "" if sockets.up else "not connected"))
        return well

    async def _serve(
        self, app: AsyncApp, well: Health, stack: AsyncExitStack, *, listening: bool
    ) -> int:
        core = self.core
        pages = web.Application()
        pages.add_routes(health.routes(well, core.metrics))
        if listening:
            secret = given.signing_secret(core.config)
            pages.add_routes(Guard(app, secret, core.clock, core.metrics).routes())
        http = core.config.file.http
        runner, port = await health.serve(pages, http.host, http.port)
        stack.push_async_callback(runner.cleanup)
        return port

    def _beat(self, well: Health) -> None:
        beat = self.core.config.file.heartbeat
        if beat.url:
            heart = Heartbeat(beat.url, beat.every, well, self.slack.session, self.core.clock)
            self.tasks.start("heartbeat", heart.run())


def _roles_stale(error: BaseException) -> None:
    log.warning("who may do what could not be read anew", action="roles", why=str(error))


async def _unless_fenced(work: Callable[[], object], taken: Callable[[], None]) -> None:
    try:
        await work()  # type: ignore[misc]  # coroutine functions of several signatures
    except Fenced:
        taken()
