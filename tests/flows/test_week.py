"""A week of a cluster's ordinary life leaves nothing open and wakes nobody, but for its one outage.

The subject, the monitor, delivery and the sender run against the scripted cluster and the local
workspace, all on one clock that is moved; PD has wall time of its own, so that a step of ours is
seen for what it is. Sources are read every three minutes (the shipped periods would be 1.2 million
looks) and, while nothing happens, by a monitor that is late; everything else is as shipped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.routes import Route, Routes
from core import upkeep
from core.clock import ManualClock
from core.monitor import Watch
from core.subjects.tikv.settings import Periods
from core.tickets import store
from core.tickets.model import Ticket
from tests.core.subjects.tikv.driving import subject
from tests.flows.rig import CHANNEL, LIMITS_OFF, ONCALL, OPS, Rig, rig
from tests.world import World

STEP_S = 180.0
HOUR_S, DAY_S = 3600.0, 86400.0
PERIODS = Periods(probe_s=STEP_S, pd_s=STEP_S, metrics_s=540.0, placement_s=1080.0)
LATE_S = 530.0  # below three periods, from which on PD counts as having been away
PATIENCE_S = 0.05
# Somebody is called for whatever has a reason to call, whatever its severity.
EVERYTHING = Routes((Route(CHANNEL, ONCALL),), CHANNEL, OPS)
UPKEEP_EVERY = 5
PURGE_EVERY = 500


@dataclass
class Theirs:
    """PD's and the stores' clock: ours, but a step of our wall time does not step theirs."""

    ours: ManualClock
    ahead_s: float = 0.0

    def now(self) -> datetime:
        return self.ours.now() + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        return self.ours.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.ours.sleep(seconds)


@dataclass
class Week:
    """The cluster, those who watch it, and what an ordinary week does to it."""

    world: World
    clock: ManualClock
    theirs: Theirs
    rig: Rig
    watch: Watch
    began: float
    ticks: int = 0

    async def tick(self) -> None:
        """One look, with all that follows from it."""
        await self._patiently(self.watch.tick())
        if self.ticks % UPKEEP_EVERY == 0:
            await upkeep.deadlines(self.rig.db, self.rig.epoch)
            await self.rig.delivery.upkeep_once()
        if self.ticks % PURGE_EVERY == 0:
            await upkeep.purge(self.rig.db, self.rig.epoch, upkeep.Retention())
        await self.rig.quiet()
        self.ticks += 1

    async def _patiently(self, work: Awaitable[Any]) -> Any:
        """What only waits for the clock gets it moved; sockets and the disk are waited for."""
        task = asyncio.ensure_future(work)
        while not task.done():
            _, left = await asyncio.wait({task}, timeout=PATIENCE_S)
            if left:
                await self.clock.advance(PATIENCE_S)
        return task.result()

    async def on(self, seconds: float = STEP_S, every_s: float = STEP_S) -> None:
        """Time passes, with a look every so often."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            began = self.clock.monotonic()
            await self.tick()
            rest = began + every_s - self.clock.monotonic()
            await self.clock.advance(max(rest, 0.01))

    async def until_day(self, day: int) -> None:
        """Quiet until that day of the week begins."""
        left = self.began + day * DAY_S - self.clock.monotonic()
        assert left >= 0, f"day {day} began {-left:.0f} s ago"
        await self.on(left, LATE_S)
        assert await self.open() == [], f"open at the beginning of day {day}"

    async def open(self) -> list[Ticket]:
        return await self.rig.db.read(store.listing, store.Filter())

    async def all(self) -> list[Ticket]:
        found = await self.rig.tickets()
        return sorted(found, key=lambda ticket: ticket.id)

    def posted(self) -> list[str]:
        """The text of everything ever posted, in channels and threads; edits wake nobody."""
        return [str(one.args["text"]) for one in self.rig.ws.calls("chat.postMessage")]

    def mentions(self) -> list[str]:
        """What woke somebody."""
        return [one for one in self.posted() if ONCALL in one]

    # What happens to the cluster.

    async def roll(self, *, new_leader: bool = False) -> None:
        """Every store in turn: leaders away, stopped, started, leaders back.

        With `new_leader` PD changes its leader while each one is away.
        """
        for number in sorted(self.world.stores):
            one = self.world.stores[number]
            leaders, one.leaders = one.leaders, 0
            self.world.pd.evicting.add(number)
            self.world.touched()
            await self.on(240)
            if new_leader:
                await self._late_in_five_minutes()
            await self.world.kill_store(number)
            if new_leader:
                self._new_leader()
            await self.on()
            await self.world.revive(number)
            await self.on(240)
            self.world.pd.evicting.discard(number)
            one.leaders = leaders
            self.world.touched()
            await self.on(STEP_S)

    async def change_leader(self) -> None:
        """The first answer of the new leader calls every store Disconnected."""
        await self._late_in_five_minutes()
        self.world.pd.no_leader()
        await self.on()
        await self.world.pd.ok()
        self._new_leader()
        await self.on()
        serving = [one for one in self.world.stores.values() if one.state == 0]
        assert {one.state_name for one in serving} == {"Up"}

    async def _late_in_five_minutes(self) -> None:
        """Heartbeats are persisted at full five minutes: well after one the trap is deep."""
        await self.clock.advance((60 - self.world.now) % 300)

    def _new_leader(self) -> None:
        pd = self.world.pd
        pd.change_leader(((pd.leader or 0) + 1) % 3)
        serving = [one for one in self.world.stores.values() if one.state == 0]
        assert {one.state_name for one in serving} == {"Disconnected"}

    async def scale_out(self, number: int) -> None:
        """A new store, empty at first."""
        one = await self.world.add_store(number)
        one.leaders = one.peers = 0
        self.world.touched()
        await self.on(600)
        one.leaders, one.peers = 20, 60
        self.world.touched()
        await self.on(600)

    async def scale_in(self, number: int) -> None:
        """Offline, emptied, Tombstone; then its process ends and PD forgets it."""
        one = self.world.stores[number]
        self.world.offline(number)
        await self.on(1800)
        one.leaders = one.peers = 0
        self.world.touched()
        await self.on(300)
        self.world.tombstone(number)
        await self.on(900)
        await one.server.stop()
        one.die()
        await self.on(900)
        self.world.forget(number)
        await self.on(900)

    async def step(self, seconds: float) -> None:
        """Our wall clock is put right; nobody else's moves."""
        self.clock.step_wall(seconds)
        self.theirs.ahead_s -= seconds
        await self.on(600)

    async def outage(self, number: int) -> Ticket:
        """The one true fault: down for 20 minutes, taken by somebody after two."""
        await self.world.kill_store(number)
        await self.on(120)
        [root] = [one for one in await self.open() if one.invariant == "store_down"]
        await self.rig.db.write(store.acknowledge, root.id, by="slack:U1")
        await self.on(1080)
        assert root.id in {one.id for one in await self.open()}
        await self.world.revive(number)
        await self.on(900)
        return await self.rig.db.read(store.get, root.id)


@pytest.fixture
async def week(tmp_path: Path) -> AsyncIterator[Week]:
    clock = ManualClock()
    theirs = Theirs(clock)
    workspace = Workspace(Config(limits=LIMITS_OFF), clock)
    async with (
        World(theirs, stores=4, prometheus=False) as world,
        LocalServer(workspace) as server,
        rig(tmp_path, server=server, clock=clock, routes=EVERYTHING) as made,
    ):
        watched = subject(world, clock, periods=PERIODS, wait_s=5.0)
        watch = Watch(watched, made.db, clock, made.epoch)
        await watch.start()
        one = Week(world, clock, theirs, made, watch, clock.monotonic())
        try:
            yield one
            assert made.errors == []
        finally:
            await watched.close()


@pytest.mark.timeout(300)
async def test_a_week_leaves_no_open_ticket_and_pages_for_the_one_outage_alone(week: Week) -> None:
    started = time.monotonic()
    await week.until_day(1)
    await week.roll()
    await week.until_day(2)
    for _ in range(6):
        await week.change_leader()
        await week.on(HOUR_S, LATE_S)
    await week.until_day(3)
    await week.scale_out(5)
    await week.scale_out(6)
    await week.change_leader()
    await week.scale_in(2)
    await week.change_leader()
    await week.scale_in(5)
    await week.until_day(4)
    for seconds in (HOUR_S, -HOUR_S, -5.0, 5.0, -2 * HOUR_S):
        await week.step(seconds)
        await week.change_leader()
    assert week.mentions() == []
    await week.until_day(5)
    outage = await week.outage(3)
    assert outage.resolved_at is not None
    await week.until_day(6)
    await week.roll(new_leader=True)
    await week.until_day(7)
    await _judge(week, outage)
    took, posts = time.monotonic() - started, len(week.posted())
    print(f"a week in {took:.1f} s: {week.ticks} looks, {posts} messages")


async def _judge(week: Week, outage: Ticket) -> None:
    """Every ticket is one that should have been, and somebody was woken once."""
    tickets = await week.all()
    assert await week.open() == []
    explained = [one for one in tickets if one.explained_by == outage.id]
    assert {one.invariant for one in explained} <= {"quorum_margin", "region_health"}
    rolls = [one for one in tickets if one.invariant == "store_restarted"]
    assert [(one.entity, one.severity) for one in rolls] == [("cluster", "info")] * 2
    assert len(tickets) == 1 + len(explained) + len(rolls)
    [page] = week.mentions()
    assert "Store 3" in page
    # Two rolling restarts and the outage: a card each.
    assert len([one for one in week.rig.ws.posts(CHANNEL) if one.metadata]) == 3
