"""The real app and the real delivery on the local workspace, in Socket Mode or over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from bot import home
from bot.app import Front, asker, make_app
from bot.app_desk import Desk
from bot.app_whisper import Whisper
from bot.chaos import commands as chaos_commands
from bot.chaos.bench import Bench
from bot.chaos.commands import Chaos
from bot.diagnosis import actions as diagnosis
from bot.diagnosis import mentions
from bot.diagnosis.actions import Means as Diagnosing
from bot.diagnosis.actions import Recheck, nobody
from bot.diagnosis.commands import verbs as of_diagnoses
from bot.guard import PATH, Guard
from bot.home import Home
from bot.local.cast import Config
from bot.local.delivery import Delivery
from bot.local.model import Message
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from bot.monitor import commands as monitor_commands
from bot.monitor.commands import Watching
from bot.roles import Roles, RoleSettings
from bot.socket import Sockets, SocketSettings
from bot.start import introduce
from bot.tickets import actions, commands, gathered
from bot.tickets.look import Surroundings
from core import opening, requests
from core.clock import SystemClock
from core.db import Database
from core.errors import TocsinError
from core.tasks import Tasks
from core.tickets import store
from core.tickets.model import Ticket
from tests.flows.rig import CHANNEL, LIMITS_OFF, Rig, rig

RolesOf = Callable[[Workspace], RoleSettings]
BenchOf = Callable[[Rig], Bench]


@dataclass
class Stage:
    """Everything that a flow may want to touch."""

    rig: Rig
    roles: Roles
    sockets: Sockets | None
    tasks: Tasks
    failed: list[BaseException] = field(default_factory=list)

    @property
    def ws(self) -> Workspace:
        return self.rig.ws

    @property
    def db(self) -> Database:
        return self.rig.db

    def actor(self, user: str = "ana") -> str:
        return f"slack:{self.ws.user(user).id}"

    async def settled(self, delivery: Delivery) -> Delivery:
        await self.ws.settled(delivery)
        assert delivery.status == "acked", delivery.reason
        return delivery

    async def command(
        self, text: str, user: str = "ana", name: str = "/tickets", channel: str = CHANNEL
    ) -> str:
        """Type a command; everything that the person reads."""
        delivery = await self.settled(self.ws.acts.command(user, channel, name, text))
        answer = delivery.answer
        assert isinstance(answer, dict), answer
        assert answer["response_type"] == "ephemeral"
        return read(answer)

    async def monitor(self, text: str, user: str = "ana") -> str:
        return await self.command(text, user, "/monitor")

    async def chaos(self, text: str, user: str = "ana") -> str:
        return await self.command(text, user, "/chaos")

    async def breaks(self, *entities: str, **how: Any) -> list[int]:
        """A tick that finds them broken; the numbers of the tickets, once their cards are there."""
        before = {one.id for one in await self.rig.tickets()}
        there = len(self.rig.posts())
        await self.rig.breaks(*entities, **how)
        await self.ws.until(lambda: len(self.rig.posts()) > there)
        await self.rig.idle()
        return [one.id for one in await self.rig.tickets() if one.id not in before][::-1]

    async def ticket(self, number: int) -> Ticket:
        return await self.db.read(store.get, number)

    def card(self, n: int = -1) -> Message:
        return self.rig.posts()[n]

    async def click(
        self, ts: str, action_id: str, user: str = "ana", value: Any = None
    ) -> Delivery:
        return await self.settled(self.ws.acts.click(user, CHANNEL, ts, action_id, value))

    def whispers(self, user: str = "ana") -> list[Message]:
        return self.ws.whispers(CHANNEL, user)

    async def whispered(self, user: str = "ana", n: int = 1) -> str:
        """What the newest private message says, once there are n."""
        await self.ws.until(lambda: len(self.whispers(user)) >= n)
        return seen(self.whispers(user)[-1])

    async def shows(self, what: str, n: int = -1) -> Message:
        """The card, once it says so."""
        await self.ws.until(lambda: what in seen(self.card(n)))
        return self.card(n)

    async def record(self) -> list[requests.Request]:
        """What was asked, newest first."""
        return await self.db.read(requests.latest)


def read(body: Any) -> str:
    """Every text in a message or view, one after the other."""
    found: list[str] = []
    if isinstance(body, dict):
        for key, value in body.items():
            if key in ("text", "name", "fallback") and isinstance(value, str):
                found.append(value)
            elif key == "user_id":
                found.append(f"<@{value}>")
            else:
                found.append(read(value))
    elif isinstance(body, list | tuple):
        found.extend(read(one) for one in body)
    return " ".join(one for one in found if one)


def seen(message: Message) -> str:
    return read({"text": message.text, "blocks": message.blocks})


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    http: bool = False,
    roles: RolesOf | None = None,
    watching: Watching | None = None,
    recheck: Recheck = nobody,
    chaos: BenchOf | None = None,
    url: str | None = None,
) -> AsyncIterator[Stage]:
    """The whole bot side, connected."""
    config = Config(limits=LIMITS_OFF, manifest=manifest())
    async with (
        LocalServer(Workspace(config)) as server,
        rig(folder, server=server, url=url) as made,
    ):
        failed: list[BaseException] = []

        def on_error(name: str, error: BaseException) -> None:
            if not isinstance(error, TocsinError):
                opening.failed(name, error)
                failed.append(error)

        tasks = Tasks(on_error)
        clock = SystemClock()
        identity = await introduce(made.slack)
        settings = roles(made.ws) if roles else RoleSettings()
        channels = (made.ws.channel(CHANNEL).id,)
        cache = Roles(asker(made.slack), clock, settings, identity.team_id, channels)
        around, watch = Surroundings(), watching or Watching()
        diagnosing = Diagnosing(around, recheck=recheck)
        book = commands.book(around, of_diagnoses(diagnosing))
        for more in (
            actions.book(around),
            gathered.book(),
            monitor_commands.book(watch),
            home.book(),
            diagnosis.book(diagnosing),
            mentions.book(identity.bot_user_id),
        ):
            book = book.joined(more)
        if chaos is not None:
            book = book.joined(chaos_commands.book(Chaos(chaos(made), around)))
        shown = Home(made.slack.web, made.db, cache, watch)
        desk = Desk(made.db, clock, cache, made.metrics)
        front = Front(book, desk, Whisper(made.slack.web), tasks, shown.show)
        app = make_app(made.slack.web, identity, front)
        one = Stage(made, cache, None, tasks, failed)
        connected = _over_http if http else _over_sockets
        async with connected(one, app, server):
            yield one
        await tasks.drain()
        assert not failed, failed


@asynccontextmanager
async def _over_sockets(one: Stage, app: Any, server: LocalServer) -> AsyncIterator[None]:
    settings = SocketSettings(server.app_token, ping_s=1.0)
    slack, metrics = one.rig.slack, one.rig.metrics
    one.sockets = Sockets(app, slack.web, settings, SystemClock(), one.tasks, metrics)
    await one.sockets.start()
    await server.workspace.connected(2)
    try:
        yield
    finally:
        await one.sockets.stop()


@asynccontextmanager
async def _over_http(one: Stage, app: Any, server: LocalServer) -> AsyncIterator[None]:
    guard = Guard(app, server.signing_secret, SystemClock(), one.rig.metrics)
    served = web.Application()
    served.add_routes(guard.routes())
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.workspace.state.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    try:
        yield
    finally:
        await runner.cleanup()
