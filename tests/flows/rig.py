"""Delivery on the local workspace: real HTTP, a real database, a scripted stream of verdicts."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.delivery import Delivery, DeliverySettings
from bot.local.cast import Config, Limits
from bot.local.model import Message
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.pager import Pager
from bot.points import Points
from bot.render import Renderer
from bot.routes import Route, Routes
from bot.sender import Sender, SenderSettings
from bot.slack import Slack, SlackSettings
from bot.tickets.look import Surroundings
from core import channels, migrate, monitor
from core.clock import Clock, ManualClock, SystemClock
from core.db import Database, Tx
from core.invariant import Broken, Invariant, Judged, Severity
from core.metrics import Metrics
from core.tasks import Tasks
from core.tickets import store

CHANNEL = "storage-alerts"
OPS = "ops"
ONCALL = "<@UONCALL1>"
LIMITS_OFF = Limits(enabled=False)


def _unused(*_: Any) -> Any:
    raise AssertionError("scripted verdicts are not judged")


def invariant(
    name: str = "store_down",
    severity: Severity = Severity.CRITICAL,
    explained_by: tuple[str, ...] = (),
) -> Invariant[Any, Any]:
    return Invariant(name, severity, "script", 0.0, _unused, _unused, explained_by=explained_by)


@dataclass
class Script:
    """What a subject's next ticks say: entities broken and holding, by invariant."""

    subject: str = "prod"
    at: float = 0.0
    broken: dict[str, dict[str, Broken]] = field(default_factory=dict)
    holds: dict[str, set[str]] = field(default_factory=dict)
    invariants: dict[str, Invariant[Any, Any]] = field(default_factory=dict)

    def breaks(
        self, one: Invariant[Any, Any], *entities: str, severity: Severity | None = None
    ) -> None:
        self.invariants[one.name] = one
        for entity in entities:
            found = Broken(f"{entity} is down", f"{entity} does not answer", severity=severity)
            self.broken.setdefault(one.name, {})[entity] = found
            self.holds.setdefault(one.name, set()).discard(entity)

    def mends(self, one: Invariant[Any, Any], *entities: str) -> None:
        self.invariants[one.name] = one
        for entity in entities:
            self.broken.get(one.name, {}).pop(entity, None)
            self.holds.setdefault(one.name, set()).add(entity)

    def judged(self) -> list[Judged]:
        return [
            Judged(
                one,
                self.at,
                1.0,
                dict(self.broken.get(name, {})),
                {},
                frozenset(self.holds.get(name, ())),
            )
            for name, one in self.invariants.items()
        ]


def default_routes() -> Routes:
    return Routes((Route(CHANNEL, ONCALL, severities=(Severity.CRITICAL,)),), CHANNEL, OPS)


@dataclass
class Rig:
    """Everything that a delivery flow may want to touch."""

    ws: Workspace
    server: LocalServer
    db: Database
    clock: Clock
    slack: Slack
    delivery: Delivery
    sender: Sender
    metrics: Metrics
    epoch: int
    script: Script
    errors: list[BaseException]
    tasks: Tasks

    async def first_seen(self, subject: str = "prod") -> None:
        """The subject was first watched long ago: nothing is adopted."""
        await self.db.write(_seen_long_ago, subject)

    async def tick(self, script: Script | None = None) -> None:
        """One tick of the scripted subject, as the monitor would settle it."""
        script = script or self.script
        script.at = max(self.clock.now().timestamp(), script.at + 0.001)
        judged = script.judged()
        plan, _ = await self.db.read(monitor.planned, script.subject, judged, frozenset())
        await monitor.settle_plan(self.db, self.epoch, script.subject, plan)

    async def breaks(self, *entities: str, **how: Any) -> None:
        self.script.breaks(invariant(**how), *entities)
        await self.tick()

    async def mends(self, *entities: str, **how: Any) -> None:
        self.script.mends(invariant(**how), *entities)
        await self.tick()

    def posts(self, channel: str = CHANNEL) -> list[Message]:
        return [m for m in self.ws.posts(channel) if m.metadata]

    def calls(self, method: str = "") -> int:
        return len(self.ws.calls(method))

    async def until(self, predicate: Callable[[], Any], timeout_s: float = 10.0) -> Any:
        return await self.ws.until(predicate, timeout_s)

    async def posted(self, n: int, channel: str = CHANNEL) -> list[Message]:
        await self.until(lambda: len(self.posts(channel)) >= n)
        return self.posts(channel)

    async def idle(self, timeout_s: float = 10.0) -> None:
        """Nothing is due any more: everything that was intended has arrived."""
        async with asyncio.timeout(timeout_s):
            while (await self.db.read(channels.backlog)).rows or await self.db.read(_behind):
                await asyncio.sleep(0.01)

    async def quiet(self) -> None:
        """Nothing happens any more unless the clock moves."""
        calm = 0
        while calm < 2:
            # Waking takes a task several turns of the loop, however slow the machine is.
            for _ in range(20):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            behind = await self.db.read(_behind)
            waits = self.sender.busy or behind or self.delivery._unfinished
            calm = 0 if waits else calm + 1

    async def moved(self, seconds: float, step: float = 1.0) -> None:
        """Move a clock that is ours, letting what comes due meanwhile happen."""
        assert isinstance(self.clock, ManualClock)
        await self.quiet()
        for _ in range(max(int(seconds / step), 1)):
            await self.clock.advance(step)
            await self.quiet()

    async def tickets(self) -> list[Any]:
        return await self.db.read(store.listing, store.Filter("all"))


def _behind(tx: Tx) -> bool:
    from core import events

    return events._behind(tx, "slack")


def _seen_long_ago(tx: Tx, subject: str) -> None:
    from core import schema

    tx.upsert(
        schema.subjects,
        {
            "name": subject,
            "kind": "tikv",
            "first_seen_at": tx.now - 86400,
            "last_tick_at": tx.now,
            "removed_at": None,
            "carry": "{}",
        },
        ["name"],
    )


def _raise_epoch(tx: Tx) -> int:
    from core import lock

    return lock._raise_epoch(tx, "test")


_PREPARED: dict[str, bytes] = {}


async def _prepared(path: Path) -> None:
    """A migrated database at `path`: migrating once is enough for all tests."""
    if path.exists():
        return
    if "v1" not in _PREPARED:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "state" / "t.db"
            db = Database.open(str(made), SystemClock(), lambda _, e: None, create=True)
            await migrate.migrate(db)
            await db.close()
            _PREPARED["v1"] = made.read_bytes()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Renamed into place: a worker may be killed here too, and half a database is none.
    making = path.with_name(f"{path.name}.{os.getpid()}")
    making.write_bytes(_PREPARED["v1"])
    making.chmod(0o600)
    making.rename(path)


Parts = tuple[Database, int, Slack, Metrics, Renderer, Routes]


@asynccontextmanager
async def parts(folder: Path, api_url: str, token: str, clock: Clock) -> AsyncIterator[Parts]:
    """What delivery needs, in a process that meets the workspace only by HTTP."""
    where = folder / "state" / "t.db"
    await _prepared(where)
    failed: list[BaseException] = []
    metrics = Metrics()
    db = Database.open(str(where), clock, lambda _, e: failed.append(e), create=True)
    slack = await Slack.open(
        SlackSettings(token=token, base_url=api_url, timeout_s=2.0), clock, metrics
    )
    routes = default_routes()
    epoch = await db.write(_raise_epoch)
    try:
        yield db, epoch, slack, metrics, Renderer(routes, Surroundings()), routes
    finally:
        await slack.close()
        await db.close()


@asynccontextmanager
async def rig(
    folder: Path,
    *,
    url: str | None = None,
    server: LocalServer | None = None,
    limits: Limits = LIMITS_OFF,
    routes: Routes | None = None,
    clock: Clock | None = None,
    settle_s: float = 0.2,
    fallback_after_s: float | None = None,
    pager: Callable[[Slack, Metrics], Pager] | None = None,
    points: Points | None = None,
    running: bool = True,
) -> AsyncIterator[Rig]:
    """Delivery and sender running against a workspace (a given one, or one of its own)."""
    clock = clock or SystemClock()
    if server is None:
        passed = {
            "url": url,
            "routes": routes,
            "clock": clock,
            "settle_s": settle_s,
            "fallback_after_s": fallback_after_s,
            "pager": pager,
            "points": points,
            "running": running,
        }
        async with (
            LocalServer(Workspace(Config(limits=limits))) as own,
            rig(folder, server=own, **passed) as made,
        ):
            yield made
        return
    errors: list[BaseException] = []
    metrics = Metrics()
    tasks = Tasks(lambda _, error: errors.append(error))
    where = url or str(folder / "state" / "t.db")
    if url is None:
        await _prepared(Path(where))
    db = Database.open(where, clock, lambda _, e: errors.append(e), create=True)
    await migrate.migrate(db)
    epoch = await db.write(_raise_epoch)
    routes = routes or default_routes()
    slack = await Slack.open(
        SlackSettings(token=server.bot_token, base_url=server.api_url, timeout_s=2.0),
        clock,
        metrics,
    )
    settings = DeliverySettings(server.workspace.state.team_id, routes, fallback_after_s)
    delivery = Delivery(db, clock, epoch, settings, points)
    renderer = Renderer(routes, Surroundings())
    made_pager = None if pager is None else pager(slack, metrics)
    sender = Sender(
        db, clock, epoch, slack, renderer, metrics, SenderSettings(settle_s), made_pager, points
    )
    if running:
        tasks.start("delivery", delivery.run())
        tasks.start("sender", sender.run())
    made = Rig(
        server.workspace, server, db, clock, slack, delivery, sender, metrics, epoch,
        Script(), errors, tasks,
    )  # fmt: skip
    try:
        await made.first_seen()
        yield made
    finally:
        await tasks.cancel()
        await slack.close()
        await db.close()
