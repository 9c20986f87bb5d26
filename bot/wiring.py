"""Config -> core -> AsyncApp -> delivery: the only file that sees both sides whole.

Read it from `run` down: meet Slack, hold the database (or stand by until it is free), watch, tell,
hear, and say how it goes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web

from bot import given, health, links
from bot.delivery import Delivery, DeliverySettings
from bot.health import Health, Part
from bot.hearing import Hearing, Means
from bot.heartbeat import Heartbeat
from bot.meeting import meet
from bot.monitor.commands import Watching
from bot.outside import Outside
from bot.pager import Pager
from bot.points import Points
from bot.render import Renderer
from bot.sender import Sender, SenderSettings
from bot.slack import Slack
from bot.start import Identity
from bot.tickets.look import Surroundings
from bot.words import NameOf
from core import garbage, migrate
from core.clock import Clock
from core.config import Config, forget_slack_environment
from core.db import Database, Fenced
from core.errors import TocsinError
from core.metrics import Metrics
from core.opening import failed
from core.tasks import Tasks
from core.wiring import Core, hold_core

log = structlog.get_logger()

SWITCH_S = 0.0005
"""How long a thread keeps the interpreter while others want it. With Python's 5 ms a command in a
storm of 10,000 tickets waited 126 ms (p50) for its turns, with this 48."""
DELIVERY_LATE_S = 60.0
"""A sender that has not gone round for so long is not well."""


@dataclass(frozen=True, slots=True)
class Running:
    """The program as it runs: for the command line, and for tests."""

    core: Core
    health: Health
    port: int
    identity: Identity
    hearing: Hearing
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
    refuses or a SQLite database that somebody else holds. On PostgreSQL it first stands by, hearing
    but not telling, until it holds the database.
    """
    given.check(config)
    metrics = Metrics()
    forget_slack_environment()
    sys.setswitchinterval(SWITCH_S)
    async with AsyncExitStack() as stack:
        slack = await Slack.open(given.slack(config), clock, metrics)
        stack.push_async_callback(slack.close)
        aside = _Aside(config, clock, slack, metrics)
        core = await stack.enter_async_context(
            hold_core(config, clock, command, metrics, aside.hear)
        )
        identity = await meet(slack, given.app_token_if_needed(config), core.db, clock)
        tasks = Tasks(failed)
        stack.push_async_callback(tasks.cancel)
        http = Outside(config.file.slack.ca_file)
        stack.push_async_callback(http.close)
        whole = _Whole(core, slack, identity, tasks, http, points or Points())
        yield await whole.start(stack)


@dataclass(frozen=True, slots=True)
class _Aside:
    """Standing by: people are heard, and their clicks committed, while another process tells."""

    config: Config
    clock: Clock
    slack: Slack
    metrics: Metrics

    @asynccontextmanager
    async def hear(self, db: Database) -> AsyncIterator[None]:
        """Hear inside the block, if the database is one that this release can use."""
        log.info("another process holds the database: standing by", action="stand_by")
        try:
            await migrate.require_current(db)
        except TocsinError as error:
            log.warning("standing by without hearing", action="stand_by", why=error.text)
            yield
            return
        tasks = Tasks(failed)
        identity = await meet(self.slack, given.app_token_if_needed(self.config), db, self.clock)
        means = Means(self.config, self.clock, db, self.metrics, self.slack, identity, tasks)
        hearing = Hearing(means, Watching())
        well = Health()
        well.add("standing by", lambda: Part(True))
        runner, _ = await _serve(self.config, well, self.metrics, hearing)
        hearing.begin()
        try:
            yield
        finally:
            await hearing.end()
            await tasks.cancel()
            await runner.cleanup()


@dataclass(frozen=True, slots=True)
class _Whole:
    """The program that holds the database."""

    core: Core
    slack: Slack
    identity: Identity
    tasks: Tasks
    http: Outside
    points: Points

    async def start(self, stack: AsyncExitStack) -> Running:
        """Begin to watch, to tell and to hear."""
        core, tasks = self.core, self.tasks
        stopped, lost = asyncio.Event(), list[str]()

        def taken() -> None:
            lost.append("another process has taken the database over")
            stopped.set()

        heard = list[Hearing]()
        delivery, sender = self._telling(lambda actor: heard[0].name_of(actor))
        hearing = self._hearing(sender)
        heard.append(hearing)
        sockets = hearing.sockets
        core.own.listen(
            lambda: sender.trouble.auth, lambda: None if sockets is None else sockets.up
        )
        core.engine.on_fenced(taken)
        await core.engine.begin()
        core.engine.start(tasks)
        tasks.start("garbage", garbage.tidy(core.clock, core.db.courtesy))
        tasks.start("delivery", _unless_fenced(delivery.run, taken))
        tasks.start("delivery upkeep", _unless_fenced(delivery.upkeep, taken))
        tasks.start("sender", _unless_fenced(sender.run, taken))
        well = self._health(sender, hearing)
        runner, port = await _serve(core.config, well, core.metrics, hearing)
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(hearing.end)
        hearing.begin()
        self._beat(well)
        return Running(core, well, port, self.identity, hearing, tasks, lost, stopped)

    def _telling(self, name_of: NameOf) -> tuple[Delivery, Sender]:
        core, config = self.core, self.core.config
        where = given.pager(config)
        pager = None if where is None else Pager(where, self.http.client, core.metrics)
        routes = given.routes(config)
        settings = DeliverySettings(
            team=self.identity.team_id,
            routes=routes,
            fallback_after_s=None if pager is None else config.file.fallback.after,
        )
        delivery = Delivery(core.db, core.clock, core.epoch, settings, self.points)
        around = Surroundings(links=links.of(config.file.links), name_of=name_of)
        sender = Sender(
            core.db,
            core.clock,
            core.epoch,
            self.slack,
            Renderer(routes, around),
            core.metrics,
            SenderSettings(settle_s=config.file.slack.settle),
            pager,
            self.points,
        )
        return delivery, sender

    def _hearing(self, sender: Sender) -> Hearing:
        core, found = self.core, list[Hearing]()
        watching = Watching(
            reports=lambda: [w.last for w in core.engine.watches if w.last is not None],
            interval_s=core.engine.interval_s,
            connected=lambda: found[0].sockets.up if found and found[0].sockets else None,
            trouble=lambda: sender.trouble.auth or "",
        )
        means = Means(
            config=core.config,
            clock=core.clock,
            db=core.db,
            metrics=core.metrics,
            slack=self.slack,
            identity=self.identity,
            tasks=self.tasks,
            recheck=core.worker.recheck,
            experiments=core.desk,
        )
        found.append(Hearing(means, watching))
        return found[0]

    def _health(self, sender: Sender, hearing: Hearing) -> Health:
        core, well = self.core, Health()

        def watching() -> Part:
            now = core.engine.health()
            late = ", ".join(f"{n} for {s:.0f} s" for n, s in now.late.items())
            return Part(now.ok, f"no completed cycle of {late}" if late else "")

        def telling() -> Part:
            at = sender.turned_at
            late = at is None or core.clock.monotonic() - at > DELIVERY_LATE_S
            return Part(not late, "no completed delivery cycle" if late else "")

        def slack() -> Part:
            refused = sender.trouble.auth
            return Part(refused is None, f"Slack refuses the token: {refused}" if refused else "")

        well.add("monitor", watching)
        well.add("delivery", telling)
        well.add("slack", slack)
        if (sockets := hearing.sockets) is not None:
            well.add("socket", lambda: Part(sockets.up > 0, "" if sockets.up else "not connected"))
        return well

    def _beat(self, well: Health) -> None:
        beat = self.core.config.file.heartbeat
        if beat.url:
            heart = Heartbeat(beat.url, beat.every, well, self.http.client, self.core.clock)
            self.tasks.start("heartbeat", heart.run())


async def _serve(
    config: Config, well: Health, metrics: Metrics, hearing: Hearing
) -> tuple[web.AppRunner, int]:
    pages = web.Application()
    pages.add_routes(health.routes(well, metrics))
    pages.add_routes(hearing.routes())
    return await health.serve(pages, config.file.http.host, config.file.http.port)


async def _unless_fenced(work: Callable[[], object], taken: Callable[[], None]) -> None:
    try:
        await work()  # type: ignore[misc]  # coroutine functions of several signatures
    except Fenced:
        taken()
