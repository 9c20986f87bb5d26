"""The real app on the local workspace: real HTTP, real sockets, a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.app import Front, Identity, asker, introduce, make_app, tell_errors
from bot.app_desk import Desk
from bot.app_whisper import Whisper
from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.roles import Roles, RoleSettings
from bot.slack import Slack, SlackSettings
from bot.socket import Sockets, SocketSettings
from bot.tickets import actions, commands, gathered
from bot.tickets.look import Surroundings
from core import migrate, monitor
from core.clock import Clock, SystemClock
from core.db import Database, Tx
from core.invariant import Broken, Severity, Violation
from core.metrics import Metrics
from core.tasks import Tasks
from core.tickets import settle, store
from core.tickets.model import Ticket
from core.tickets.plan import Opening, Plan

CHANNEL = "storage-alerts"


@dataclass
class Stage:
    """Everything that a flow may want to touch."""

    ws: Workspace
    server: LocalServer
    db: Database
    slack: Slack
    identity: Identity
    roles: Roles
    tasks: Tasks
    metrics: Metrics
    errors: list[BaseException] = field(default_factory=list)

    async def command(self, text: str, user: str = "ana", name: str = "/tickets") -> Any:
        """Type a command; the body that the app answered with."""
        delivery = self.ws.acts.command(user, CHANNEL, name, text)
        await self.ws.settled(delivery)
        assert delivery.status == "acked", delivery.reason
        return delivery.answer

    async def card(self, ticket: Ticket, *elements: dict[str, Any]) -> str:
        """Post a message with buttons as the app; its ts."""
        said = await self.slack.web.chat_postMessage(
            channel=self.ws.channel(CHANNEL).id,
            text=ticket.title,
            blocks=[{"type": "actions", "elements": list(elements)}],
        )
        return str(said["ts"])

    async def click(self, ts: str, action_id: str, user: str = "ana") -> Any:
        """Click; the delivery once it was acknowledged."""
        delivery = self.ws.acts.click(user, CHANNEL, ts, action_id)
        await self.ws.settled(delivery)
        assert delivery.status == "acked", delivery.reason
        return delivery

    async def whisper(self, user: str = "ana", after: int = 0) -> Any:
        """The newest private message, once there are more than `after`."""
        await self.ws.until(lambda: len(self.ws.whispers(CHANNEL, user)) > after)
        return self.ws.whispers(CHANNEL, user)[-1]

    async def ticket(self, ticket_id: int) -> Ticket:
        return await self.db.read(store.get, ticket_id)


def violation(n: int = 1, severity: Severity = Severity.CRITICAL) -> Violation:
    found = Broken(f"Store {n} is down", "no answer for 2 s", 2.0, 1.0, "s")
    return Violation("prod", "store_down", f"store-{n}", severity, found, 0.0, 0.5, 0.0)


def open_tickets(tx: Tx, n: int = 1, severity: Severity = Severity.CRITICAL) -> list[int]:
    """Open tickets 1..n as a tick would."""
    if not tx.sqlite or store.count(tx, store.Filter("all")) == 0:
        monitor._begin(tx, "prod", "tikv")
    ids: dict[str, int] = {}
    opens = [Opening(violation(i, severity), None, False, None) for i in range(1, n + 1)]
    settle.write(tx, Plan(opens=opens), "prod", ids, last=True)
    return sorted(ids.values())


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    config: Config | None = None,
    roles: RoleSettings | None = None,
    clock: Clock | None = None,
    sockets: int = 2,
) -> AsyncIterator[Stage]:
    """The app connected over Socket Mode."""
    clock = clock or SystemClock()
    errors: list[BaseException] = []
    metrics = Metrics()

    def failed(name: str, error: BaseException) -> None:
        tell_errors(name, error)
        errors.append(error)

    tasks = Tasks(failed)
    db = Database.open(str(folder / "t.db"), clock, failed, create=True)
    await migrate.migrate(db)
    async with LocalServer(Workspace(config)) as server:
        settings = SlackSettings(token=server.bot_token, base_url=server.api_url)
        slack = await Slack.open(settings, clock, metrics)
        identity = await introduce(slack.web)
        cache = Roles(asker(slack), clock, roles or RoleSettings(), identity.team_id, ())
        desk = Desk(db, clock, cache, metrics)
        around = Surroundings()
        book = commands.book(around).joined(actions.book(around)).joined(gathered.book())
        front = Front(book, desk, Whisper(slack.web), tasks, None)
        app = make_app(slack.web, identity, front)
        lines = Sockets(app, slack.web, SocketSettings(server.app_token, sockets), clock, tasks, metrics)
        await lines.start()
        await server.workspace.connected(sockets)
        try:
            yield Stage(server.workspace, server, db, slack, identity, cache, tasks, metrics, errors)
        finally:
            await lines.stop()
            await tasks.drain()
            await slack.close()
            await db.close()
