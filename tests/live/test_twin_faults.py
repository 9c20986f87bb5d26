"""Faults of real processes: exactly the tickets that they deserve, and none when all is well again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.tickets.model import Ticket
from tests.live.watching import SPEED, Watcher, fast, guards, prepared, running, watching

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

Task = asyncio.Task[None]
STORE_NAMES = {
    "store_down",
    "store_restarted",
    "store_slow",
    "quorum_margin",
    "low_disk_space",
    "high_latency",
    "region_health",
    "leader_imbalance",
}


def severities(tickets: list[Ticket]) -> set[tuple[str, str, str]]:
    return {(one.invariant, one.entity, str(one.severity)) for one in tickets}


async def new(watcher: Watcher, since: float) -> list[Ticket]:
    """Tickets opened or reopened since then (seconds since the epoch)."""
    found = await watcher.tickets()
    return [one for one in found if max(one.opened_at, one.reopened_at or 0.0) >= since]


def told(what: str, **seconds: float) -> None:
    print(f"  {what}: " + ", ".join(f"{key} {value:.2f} s" for key, value in seconds.items()))


async def _down_and_back(watcher: Watcher, number: int, strike: str, heal: str) -> None:
    """One store, struck: down, with the margin explained by it; nothing left once it is back."""
    twin, entity, before = watcher.twin, f"store:{number}", time.time()
    began = time.monotonic()
    twin.do(f"store-{number}", strike)
    root = await watcher.opens("store_down", entity)
    found_s = time.monotonic() - began
    margin = await watcher.opens("quorum_margin", "cluster")
    assert margin.explained_by == root.id
    await watcher.passes(25 / SPEED)
    key = ("store_down", entity)
    await watcher.until(lambda open_: "PD confirms" in open_[key].summary, "both sources agree")
    twin.do(f"store-{number}", heal)
    back_s = await watcher.quiet()
    opened = await new(watcher, before)
    assert severities([one for one in opened if one.explained_by is None]) == {
        ("store_down", entity, "critical")
    }
    assert {one.invariant for one in opened} <= {"store_down", "quorum_margin", "region_health"}
    assert {one.explained_by for one in opened} == {None, root.id}
    told(strike, ticket=found_s, resolved=back_s)


async def _stores(folder: Path) -> None:
    async with running(folder) as twin, watching(folder, twin, fast(twin)) as watcher:
        await watcher.quiet()
        await watcher.passes(15 / SPEED)
        assert await watcher.tickets() == []
        await _down_and_back(watcher, 2, "kill", "start")
        await _down_and_back(watcher, 1, "pause", "resume")
        before = time.time()
        await _announced(watcher, "store-3", 3)
        assert severities(await new(watcher, before)) == {("store_restarted", "cluster", "info")}


async def _announced(watcher: Watcher, name: str, number: int) -> None:
    """Evict-leader first, then SIGTERM and a start: one card of information."""
    twin = watcher.twin
    scheduler = {"name": "evict-leader-scheduler", "store_id": number}
    await watcher.post("/schedulers", scheduler)
    await watcher.passes(20 / SPEED)
    twin.stop(name)
    while twin.state(name) != "stopped":
        await watcher.passes(0.05)
    await watcher.passes(30 / SPEED)
    twin.start(name)
    await twin.healthy()
    await watcher.opens("store_restarted", "cluster")
    await watcher.post(f"/schedulers/evict-leader-scheduler-{number}", method="DELETE")
    told("announced restart", resolved=await watcher.quiet(90))


async def _members(folder: Path) -> None:
    # What a new leader says is doubted for longer than the twin needs: its heartbeats come every
    # second, and on a busy machine one of them comes late.
    slow = guards(SPEED / 3)
    async with (
        running(folder) as twin,
        watching(folder, twin, fast(twin, guards=slow)) as watcher,
    ):
        await watcher.quiet()
        # Older than a persisted heartbeat may be: from now on a new leader calls all Disconnected.
        await watcher.passes(35 / SPEED)
        await _leader_struck(watcher, "kill", "start")
        await _leader_struck(watcher, "pause", "resume")
        await _quorum_lost(watcher)
        found = await watcher.ever()
        assert {name for name, _ in found} & STORE_NAMES == set()
        before = time.time()
        twin.kill("store-3")
        down = await watcher.opens("store_down", "store:3")
        leader = await watcher.pd_leader()
        twin.kill(leader)
        await watcher.opens("pd_member_down", f"pd:{leader}")
        await watcher.pd_leader()
        await watcher.passes(25 / SPEED)
        assert (await watcher.open())["store_down", "store:3"].id == down.id
        twin.start(leader)
        twin.start("store-3")
        told("all back", resolved=await watcher.quiet())
        assert {one.entity for one in await new(watcher, before)} == {
            "store:3",
            "cluster",
            f"pd:{leader}",
        }


async def _leader_struck(watcher: Watcher, strike: str, heal: str) -> None:
    twin, before = watcher.twin, time.time()
    leader, began = await watcher.pd_leader(), time.monotonic()
    twin.do(leader, strike)
    await watcher.opens("pd_member_down", f"pd:{leader}")
    found_s = time.monotonic() - began
    await watcher.pd_leader()
    led_s = time.monotonic() - began
    # The new leader's first answers call every store Disconnected.
    await watcher.passes(25 / SPEED)
    twin.do(leader, heal)
    back_s = await watcher.quiet()
    assert severities(await new(watcher, before)) == {
        ("pd_member_down", f"pd:{leader}", "warning"),
    }
    told(f"PD leader {strike}", ticket=found_s, leader=led_s, resolved=back_s)


async def _quorum_lost(watcher: Watcher) -> None:
    """All three are killed; one is started and hangs without a quorum; then the others."""
    twin, before, began = watcher.twin, time.time(), time.monotonic()
    names = [one.name for one in twin.spec.pds]
    twin.kill(names[0])
    twin.kill(names[1])
    root = await watcher.opens("pd_no_leader", "pd")
    found_s = time.monotonic() - began
    assert root.severity == "critical"
    twin.kill(names[2])
    await watcher.passes(1.0)
    twin.start(names[2])
    await watcher.opens("observer_blind", "pd")
    await watcher.passes(1.5)
    assert ("pd_no_leader", "pd") in await watcher.open()
    twin.start(names[0])
    twin.start(names[1])
    back_s = await watcher.quiet()
    opened = await new(watcher, before)
    assert {one.entity for one in opened} <= {"pd", *(f"pd:{name}" for name in names)}
    assert [one.invariant for one in opened if one.severity == "critical"] == ["pd_no_leader"]
    told("quorum lost", ticket=found_s, resolved=back_s)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Task]]:
    """Both stories at once, on a twin each: they mostly wait."""
    work = {"stores": _stores, "members": _members}
    folders = {name: tmp_path_factory.mktemp(name) for name in work}
    for folder in folders.values():
        await prepared(folder)
    started = {name: asyncio.create_task(story(folders[name])) for name, story in work.items()}
    yield started
    for task in started.values():
        task.cancel()
    await asyncio.gather(*started.values(), return_exceptions=True)


async def test_a_store_killed_paused_and_stopped_gets_exactly_its_tickets(
    both: dict[str, Task],
) -> None:
    """Each with its severity, symptoms explained by it, and nothing left when it is back."""
    await both["stores"]


async def test_pd_in_trouble_opens_tickets_of_pd_alone_and_closes_none_of_a_store(
    both: dict[str, Task],
) -> None:
    """Leader killed, leader paused, a quorum lost and back, a member that starts without one."""
    await both["members"]
