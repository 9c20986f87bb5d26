"""Everything through which people reach the bot: commands, clicks, forms, the App Home.

Hearing needs the database and Slack, not the lock: a process that stands by hears too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp

from bot import given, home, links
from bot.app import Front, asker, make_app
from bot.app_desk import Desk
from bot.app_whisper import Whisper
from bot.channel_ids import ChannelIds
from bot.chaos import commands as chaos_commands
from bot.chaos.bench import Bench
from bot.chaos.commands import Chaos
from bot.diagnosis import actions as diagnosis
from bot.diagnosis import mentions
from bot.diagnosis.actions import Means as Diagnosing
from bot.diagnosis.actions import Recheck, nobody
from bot.diagnosis.commands import verbs as of_diagnoses
from bot.guard import Guard
from bot.home import Home
from bot.monitor import commands as monitor_commands
from bot.monitor.commands import Watching
from bot.roles import REFRESH_S, Ask, Roles
from bot.slack import Slack
from bot.socket import Sockets, SocketSettings
from bot.start import Identity
from bot.tickets import actions, commands, gathered
from bot.tickets.look import Surroundings
from bot.words import mention_of
from core.chaos.desk import Desk as Experiments
from core.chaos.order import rules
from core.clock import Clock
from core.config import Config
from core.db import Database
from core.errors import Unavailable
from core.metrics import Metrics
from core.schedule import every
from core.tasks import Tasks

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Means:
    """What hearing is made from. `recheck` runs a diagnosis' checks anew, `experiments` knows what
    breaking something would do: both where this process watches."""

    config: Config
    clock: Clock
    db: Database
    metrics: Metrics
    slack: Slack
    identity: Identity
    tasks: Tasks
    recheck: Recheck = nobody
    experiments: Experiments | None = None


@dataclass(slots=True)
class Hearing:
    """The app and its way to Slack. `begin` connects it, `end` lets go."""

    means: Means
    watching: Watching
    sockets: Sockets | None = None
    _app: AsyncApp = field(init=False)
    _roles: Roles = field(init=False)

    def __post_init__(self) -> None:
        m = self.means
        around = Surroundings(links=links.of(m.config.file.links), name_of=self.name_of)
        routes = given.routes(m.config)
        ask = _by_id(asker(m.slack), ChannelIds(m.slack, m.db))
        self._roles = Roles(
            ask, m.clock, given.roles(m.config), m.identity.team_id, routes.channels()
        )
        diagnosing = Diagnosing(around, recheck=m.recheck)
        book = commands.book(around, of_diagnoses(diagnosing))
        book = book.joined(actions.book(around)).joined(gathered.book())
        watching = replace(self.watching, name_of=self.name_of)
        book = book.joined(monitor_commands.book(watching)).joined(home.book())
        book = book.joined(diagnosis.book(diagnosing)).joined(mentions.book(m.identity.bot_user_id))
        bench = Bench(
            rules(m.config.file), m.clock, m.experiments, lambda s: routes.of_subject(s).channel
        )
        book = book.joined(chaos_commands.book(Chaos(bench, around)))
        desk = Desk(m.db, m.clock, self._roles, m.metrics)
        page = Home(m.slack.web, m.db, self._roles, watching)
        front = Front(book, desk, Whisper(m.slack.web), m.tasks, page.show)
        self._app = make_app(m.slack.web, m.identity, front)
        if m.config.file.slack.mode == "socket":
            s = m.config.file.slack
            settings = SocketSettings(given.app_token(m.config), s.connections, m.slack.web.proxy)
            self.sockets = Sockets(self._app, m.slack.web, settings, m.clock, m.tasks, m.metrics)

    def routes(self) -> list[web.RouteDef]:
        """What to serve in HTTP mode; nothing in Socket Mode."""
        m = self.means
        if self.sockets is not None:
            return []
        return Guard(self._app, given.signing_secret(m.config), m.clock, m.metrics).routes()

    def name_of(self, actor: str) -> str:
        """Who did something, by name where Slack has told it: a name wakes nobody, a mention does."""
        kind, _, rest = actor.partition(":")
        known = self._roles.name(rest) if kind == "slack" else None
        return known or mention_of(actor)

    def begin(self) -> None:
        """Connect, and keep knowing who may do what; returns at once."""
        m = self.means
        m.tasks.start("roles", every(m.clock, lambda: REFRESH_S, self._roles.refresh, _stale))
        if self.sockets is not None:
            m.tasks.start("sockets", self.sockets.start())

    async def end(self) -> None:
        """Close the connections."""
        if self.sockets is not None:
            await self.sockets.stop()


def _by_id(ask: Ask, ids: ChannelIds) -> Ask:
    """`ask`, with channels that the configuration names as the ids that Slack's methods want."""

    async def asking(method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        channel = params.get("channel")
        if channel is None:
            return await ask(method, params)
        found = await ids.find(str(channel))
        if not isinstance(found, str):
            raise Unavailable(f"The channel {channel} could not be found: {found}")
        return await ask(method, {**params, "channel": found})

    return asking


def _stale(error: BaseException) -> None:
    log.warning("who may do what could not be read anew", action="roles", why=str(error))
